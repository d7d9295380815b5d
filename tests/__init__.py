"""Tests are stories."""
