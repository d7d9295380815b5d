"""What a repository's jobs dealt with, folded into one hidden, signed note: the memory of ticks whose disk does not survive."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import zlib
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST = 60_000
"""Characters of the note; GitHub takes 65,536 for a comment."""
UNFOLDED = 4_000_000
"""Bytes a note may unfold to."""
_NOTE = re.compile(r"<!-- roundsman-memory:([0-9a-f]{32}) ([A-Za-z0-9+/=]{1,65536}) mac=([0-9a-f]{64}) -->")
_WORDS = (
    "Roundsman keeps a hidden note here: what its jobs have dealt with, and when they last fired. "
    "It is edited in place. Without it, what nobody has touched since would be looked at again."
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Dealt(_Part):
    """A job's ledger entry of one item."""

    job: str
    number: int = Field(gt=0)
    at: datetime | None = None
    saw: dict[str, str | int] | None = None
    attempts: int = 0
    attempts_on: str | None = None
    parked: str | None = None


class Deed(_Part):
    """What we did to one facet of an item, so that it is never taken for news."""

    job: str
    number: int = Field(gt=0)
    kind: str
    facet: str
    before: str | None = None
    after: str | None = None
    target: str | None = None
    at: datetime | None = None


class Memory(_Part):
    """What is remembered of one repository; `fired` says up to when a job without items has fired."""

    dealt: tuple[Dealt, ...] = ()
    deeds: tuple[Deed, ...] = ()
    fired: dict[str, datetime] = {}

    def newest(self, most: int) -> Memory:
        """The `most` newest entries, with our deeds on their items."""
        kept = tuple(sorted(self.dealt, key=_age, reverse=True)[:most])
        numbers = {one.number for one in kept}
        return self.model_copy(
            update={"dealt": kept, "deeds": tuple(deed for deed in self.deeds if deed.number in numbers)}
        )


def _age(one: Dealt) -> tuple[bool, Any, int]:
    return (one.at is not None, one.at.timestamp() if one.at else 0.0, one.number)


def mark(key: bytes, repository: str) -> str:
    """How the note's comment is found: signed for the repository `owner/name`."""
    return f"<!-- roundsman-memory:{_signed(key, repository, 'mark')[:32]} "


def folded(key: bytes, repository: str, memory: Memory) -> str:
    """The comment's text: words for people, and the note; the oldest entries are left out where it would not fit."""
    most = len(memory.dealt)
    note = _fold(key, repository, memory)
    while len(note) > MOST and most:
        most = most * 3 // 4
        note = _fold(key, repository, memory.newest(most))
    return f"{_WORDS}\n\n{note}"


def _fold(key: bytes, repository: str, memory: Memory) -> str:
    told = memory.model_dump_json(exclude_defaults=True).encode()
    text = base64.b64encode(zlib.compress(told, 9)).decode()
    return f"{mark(key, repository)}{text} mac={_signed(key, repository, text)} -->"


def unfolded(key: bytes, repository: str, body: str) -> Memory | None:
    """The memory in a comment; None where there is none that we signed for this repository."""
    found = _NOTE.search(body)
    if found is None or not hmac.compare_digest(found[3], _signed(key, repository, found[2])):
        return None
    unfold = zlib.decompressobj()
    try:
        told = unfold.decompress(base64.b64decode(found[2], validate=True), UNFOLDED)
        return Memory.model_validate_json(told)
    except (binascii.Error, zlib.error, ValidationError):
        return None


def _signed(key: bytes, repository: str, text: str) -> str:
    said = f"roundsman:memory:{repository.lower()}:{text}".encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()
