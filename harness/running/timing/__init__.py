"""Speed: replicates, rounds and load generation."""
