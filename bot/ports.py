"""What each port of the flow asks of the world."""
