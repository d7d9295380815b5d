"""Durable glue on the workflow engine."""
