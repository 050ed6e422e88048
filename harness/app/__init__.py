"""Where the parts meet: each module is one command's work."""
