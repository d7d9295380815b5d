"""Word to people when something happens."""
