"""GitHub's issue and pull request search language."""
