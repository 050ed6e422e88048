"""Single images answered."""
