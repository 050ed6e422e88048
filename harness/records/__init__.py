"""Everything that is written to disk, as frozen dataclasses: read, checked and upgraded."""
