"""A server that stands for a chat service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.contexts.little_server import Little, little_server


@pytest.fixture
def service() -> Iterator[Little]:
    """It takes what it is sent until told otherwise."""
    with little_server() as little:
        little.answers["/chat"] = (200, {}, b"")
        little.answers["/hook"] = (204, {}, b"")
        yield little
