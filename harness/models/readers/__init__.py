"""Read weights files of other formats into arrays. No runtime is imported, and nothing in a file is executed."""
