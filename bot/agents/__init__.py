"""Agent command-line programs, confined."""
