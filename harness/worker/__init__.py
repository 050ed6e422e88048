"""Worker processes: starting them, their protocol, and what they are asked while a run goes on."""
