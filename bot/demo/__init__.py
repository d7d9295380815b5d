"""The embedded GitHub."""
