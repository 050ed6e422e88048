"""The words of every report: sentences are made here, from codes and values."""
