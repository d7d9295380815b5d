"""The last answers to conditional reads, so that an unchanged one costs nothing of the hour's allowance."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.github.answers import Answer
from bot.github.signing import Signed

KEPT_BYTES = 16_000_000


class KeptAnswers:
    """The newest answers, up to a size, by whose token and what was asked."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Answer, int]] = OrderedDict()

    def clear(self) -> None:
        """Forget all: somebody else asks from now on."""
        self._kept.clear()

    def get(self, name: str) -> tuple[Answer, int] | None:
        """The answer of this name, and its size."""
        return self._kept.get(name)

    def keep(self, name: str, kept: tuple[Answer, int] | None, answer: Answer) -> Answer:
        """The answer to give: the kept one where GitHub says that it is unchanged."""
        if answer.unchanged and kept is not None:
            self._kept.move_to_end(name)
            return replace(kept[0], status=304, at=answer.at)
        size = int(answer.headers.get("content-length") or 10_000)
        if answer.etag and size < KEPT_BYTES // 8:
            self._kept[name] = (answer, size)
            self._kept.move_to_end(name)
            while sum(size for _, size in self._kept.values()) > KEPT_BYTES or len(self._kept) > 512:
                self._kept.popitem(last=False)
        return answer


def name_of(signed: Signed, path: str, params: Mapping[str, Any] | None, accept: str | None) -> str:
    """A kept answer's name: GitHub's ETags hold for one token alone."""
    whole = f"{signed.header}\n{path}\n{sorted((params or {}).items())}\n{accept}"
    return hashlib.sha256(whole.encode()).hexdigest()
