"""The note of ticks without a disk: signed, bounded, and nothing in it believed before it is read."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from bot.flow.memory import MOST, Dealt, Deed, Memory, _signed, folded, mark, unfolded

KEY, SHOP = b"k" * 32, "acme/shop"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def some(count: int) -> Memory:
    """So many items, each with a state, the higher the newer, and our comment on each."""

    def saw(number: int) -> dict[str, str | int]:
        name = sha256(str(number).encode()).hexdigest()
        return {"title": name[:16], "body": name[16:32], "state": "open", "comments": 1, "label:bug": "on"}

    dealt = [
        Dealt(job="look", number=n, at=NOON + timedelta(minutes=n), saw=saw(n)) for n in range(1, count + 1)
    ]
    deeds = [
        Deed(job="look", number=n, kind="comment", facet="comments", target=f"{n:010}")
        for n in range(1, count + 1)
    ]
    return Memory(dealt=tuple(dealt), deeds=tuple(deeds), fired={"report": NOON})


def test_a_note_is_read_as_it_was_written() -> None:
    """The name's case does not matter: GitHub's does not either."""
    assert unfolded(KEY, SHOP, "Edited by hand\n" + folded(KEY, "Acme/Shop", some(3)) + "\n") == some(3)


def test_a_long_memory_keeps_the_newest_inside_githubs_limit() -> None:
    """More than seven hundred items fit; of those left out our deeds are left out, too; fires stay."""
    body = folded(KEY, SHOP, some(4000))
    kept = unfolded(KEY, SHOP, body)
    assert len(body) < MOST + 1000
    assert kept is not None
    numbers = {one.number for one in kept.dealt}
    assert numbers == set(range(4001 - len(numbers), 4001))
    assert len(numbers) > 700
    assert {deed.number for deed in kept.deeds} == numbers
    assert kept.fired == {"report": NOON}


def _signed_note(raw: bytes) -> str:
    text = base64.b64encode(raw).decode()
    return f"{mark(KEY, SHOP)}{text} mac={_signed(KEY, SHOP, text)} -->"


@pytest.mark.parametrize(
    "body",
    [
        "",
        folded(b"another", SHOP, some(1)),
        folded(KEY, "acme/till", some(1)),
        folded(KEY, SHOP, some(1)).replace(" mac=", "A mac="),
        _signed_note(b"no zlib"),
        _signed_note(zlib.compress(b"no JSON")),
        _signed_note(zlib.compress(b'{"dealt": [{"job": "look", "number": -1}]}')),
        _signed_note(zlib.compress(b" " * 50_000_000)),
    ],
    ids=["nothing", "key", "repository", "changed", "zlib", "json", "values", "bomb"],
)
def test_what_is_no_note_of_ours_is_none(body: str) -> None:
    """Another key, another repository, a changed letter; and even signed, nothing that does not parse."""
    assert unfolded(KEY, SHOP, body) is None
