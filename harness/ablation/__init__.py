"""What each choice of preprocessing costs."""
