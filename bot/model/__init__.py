"""The values everything speaks in."""
