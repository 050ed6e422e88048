"""The conformance kit's result on a backend."""
