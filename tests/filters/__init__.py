"""filters tests."""
