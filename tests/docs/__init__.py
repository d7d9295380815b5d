"""The documentation: its generated pages, and that everything it shows works."""
