"""GitHub, as the flow's ports ask for it."""
