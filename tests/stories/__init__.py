"""stories tests."""
