"""Composition root: the only place that builds real things."""
