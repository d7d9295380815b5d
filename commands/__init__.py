"""Commands: front matter and a body that becomes the prompt, or a script for work that needs no model.

Pure: no clock, no network, nothing of `bot` or `filters`.
"""
