"""Pictures and labels, and how they become pixels."""
