"""commands tests."""
