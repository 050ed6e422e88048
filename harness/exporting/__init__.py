"""Networks and runs written in the formats of others."""
