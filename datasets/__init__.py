"""Images and labels, and how they become pixels."""
