"""Random crops and mirroring for training, as the published recipes define them."""
