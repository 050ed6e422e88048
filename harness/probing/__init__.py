"""A model under test, shown images in other ways: shared by diagnosis and ablation."""
