"""What commands work on: weights, images, model files and interpreters that the user names."""
