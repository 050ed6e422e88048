"""The main job: a run from its configuration to its record."""
