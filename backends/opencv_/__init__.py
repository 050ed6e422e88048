"""OpenCV's DNN module: adapter."""
