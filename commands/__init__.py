"""Command templates: front matter and a body that becomes the prompt."""
