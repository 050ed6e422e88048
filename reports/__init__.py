"""Records in, leaderboards out."""
