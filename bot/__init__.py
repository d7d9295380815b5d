"""Roundsman makes the rounds of your repositories."""

__version__ = "0.1.0"
