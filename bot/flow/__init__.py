"""The story of a run: pure decisions and one short async tale."""
