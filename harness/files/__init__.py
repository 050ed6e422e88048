"""Reading and writing files safely: whole or not at all, bounded, decoded and printable."""
