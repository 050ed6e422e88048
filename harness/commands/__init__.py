"""Commands and their flags; each imports its work when it is called."""
