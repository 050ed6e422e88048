"""The leaderboard and the tables of a run."""
