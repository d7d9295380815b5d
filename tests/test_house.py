"""The house stands."""

import bot


def test_version_is_set() -> None:
    """The version comes from one place and is not empty."""
    assert bot.__version__
