"""int8: calibration images, quantized files and what they cost."""
