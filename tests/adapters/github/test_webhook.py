"""The webhook's door: only what GitHub signed comes in, and nothing GitHub sends makes it stumble."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.github.webhook import MOST_BYTES, Rejected, deliver, genuine, receive, sign
from bot.model.happening import Commented, Delivery, ItemEvent, Pushed, RepositoryChanged
from bot.model.schedule import EVENT_NAMES

ASSET = Path(__file__).parents[2] / "assets" / "webhook-examples.json.xz"
SECRET = "It's a Secret to Everybody"


def examples() -> list[tuple[str, dict[str, Any]]]:
    """Every official example payload, with its event."""
    events = json.loads(lzma.decompress(ASSET.read_bytes()))
    return [(event["name"], example) for event in events for example in event["examples"]]


def headers(body: bytes, event: str = "issues", secret: str = SECRET, **more: str) -> dict[str, str]:
    """The headers of a genuine delivery."""
    return {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": sign(secret, body),
        **more,
    }


def test_githubs_own_test_vector_holds() -> None:
    """Secret, body and digest as GitHub documents them."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert sign(SECRET, b"Hello, World!") == signature
    assert genuine(["other", SECRET], b"Hello, World!", signature)
    assert not genuine([SECRET], b"Hello, World?", signature)
    assert not genuine([SECRET], b"Hello, World!", "sha256=ü")


def test_every_official_example_is_accepted_or_ignored_on_purpose() -> None:
    """None crashes; what is ignored says why, and never for being unreadable."""
    outcomes: Counter[str] = Counter()
    for event, example in examples():
        body = json.dumps(example).encode()
        taken = receive(headers(body, event), body, [SECRET])
        assert isinstance(taken, Delivery), (event, taken)
        assert (taken.ignored is None) == bool(taken.happenings)
        assert "could not be read" not in (taken.ignored or ""), (event, taken.ignored)
        outcomes["ignored" if taken.ignored else "accepted"] += 1
    assert sum(outcomes.values()) == 329
    assert outcomes["accepted"] > 90, outcomes


def test_every_event_a_job_can_name_comes_out_of_an_example() -> None:
    """As far as there are examples: the names in configuration and those in payloads are the same."""
    seen = {
        happening.event
        for event, example in examples()
        for happening in deliver("12345678", event, example).happenings
        if isinstance(happening, ItemEvent)
    }
    assert seen <= set(EVENT_NAMES)
    assert {"issues.opened", "issues.labeled", "pull_request.opened", "pull_request.synchronize"} <= seen


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"x-hub-signature-256": "sha256=" + "0" * 64}, 401),
        ({"x-hub-signature-256": ""}, 401),
        ({"x-hub-signature-256": "sha1=abc"}, 401),
        ({"content-type": "text/plain"}, 415),
        ({"x-github-delivery": ""}, 400),
        ({"x-github-delivery": "../../etc/passwd"}, 400),
        ({"x-github-event": "Issues; DROP"}, 400),
    ],
)
def test_what_is_forged_or_malformed_is_refused(change: dict[str, str], status: int) -> None:
    """Each with the status that tells its sender what is wrong."""
    body = b'{"action": "opened"}'
    refused = receive(headers(body) | change, body, [SECRET])
    assert isinstance(refused, Rejected)
    assert refused.status == status


def test_bodies_that_are_no_object_are_refused_after_the_signature() -> None:
    """Truncated, not JSON, a list, nested without end, or too large."""
    for body in (b"", b'{"a":', b"[]", b"\xff\xfe", b'{"a":' * 100_000):
        refused = receive(headers(body), body, [SECRET])
        assert isinstance(refused, Rejected)
        assert refused.status == 400
    huge = receive({}, b"x" * (MOST_BYTES + 1), [SECRET])
    assert isinstance(huge, Rejected)
    assert huge.status == 413


def test_without_a_secret_nothing_is_taken() -> None:
    """An unset secret is not an empty one."""
    body = b"{}"
    refused = receive(headers(body, secret=""), body, [])
    assert isinstance(refused, Rejected)
    assert refused.status == 503


def test_a_form_is_read_too() -> None:
    """The other media type GitHub offers; the signature is over the raw form."""
    body = b"payload=%7B%22zen%22%3A%22Design+for+failure.%22%7D"
    taken = receive(
        headers(body, "ping", **{"content-type": "application/x-www-form-urlencoded"}), body, [SECRET]
    )
    assert isinstance(taken, Delivery)
    assert taken.ignored == "we do not listen to ping"


def test_what_happened_is_read_from_the_payload() -> None:
    """Who, where, which item and, for edits, what it said before."""
    repository = {"id": 7, "full_name": "Acme/Shop", "default_branch": "main"}
    sender = {"login": "ada", "type": "User"}
    comment = {"id": 99, "body": "/roundsman status", "updated_at": "2026-11-23T08:00:00Z"}
    edited = deliver("12345678", "issue_comment", {
        "action": "edited", "repository": repository, "sender": sender, "comment": comment,
        "issue": {"number": 3, "pull_request": {}}, "changes": {"body": {"from": "hello"}},
    })  # fmt: skip
    said = edited.happenings[0]
    assert isinstance(said, Commented)
    assert (said.number, said.pull, said.comment, said.before, said.by.login) == (3, True, 99, "hello", "ada")
    assert edited.subject == "acme/shop#3"

    pushed = deliver("12345678", "push", {
        "ref": "refs/heads/main", "after": "a" * 40, "repository": repository, "sender": sender,
        "commits": [{"added": [".github/roundsman.yml"], "modified": ["a.py"], "removed": ["b.py", 7]}],
    }).happenings[0]  # fmt: skip
    assert isinstance(pushed, Pushed)
    assert pushed.paths == (".github/roundsman.yml", "a.py", "b.py")

    moved = deliver("12345678", "repository", {
        "action": "renamed", "repository": repository, "sender": sender,
        "changes": {"repository": {"name": {"from": "Store"}}},
    }).happenings[0]  # fmt: skip
    assert isinstance(moved, RepositoryChanged)
    assert (moved.before, moved.place.full_name) == ("Acme/Store", "Acme/Shop")


def test_a_push_that_does_not_tell_all_says_so() -> None:
    """Forced, new, or of many commits: its paths are unknown, not empty."""
    base = {"ref": "refs/heads/main", "after": "a" * 40, "repository": {"full_name": "a/b"}, "commits": []}
    for more in ({"forced": True}, {"created": True}, {"commits": [{"added": ["x"]}] * 20}):
        pushed = deliver("12345678", "push", base | more).happenings[0]
        assert isinstance(pushed, Pushed)
        assert pushed.paths is None


def test_texts_no_database_takes_are_cleaned() -> None:
    """NUL and lone surrogates arrive escaped in JSON."""
    body = json.loads('{"action": "op\\u0000ened\\ud800", "repository": {"full_name": "a/b"}}')
    assert deliver("12345678", "star", body).action == "opened?"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "action",
                    "issue",
                    "number",
                    "repository",
                    "full_name",
                    "installation",
                    "id",
                    "comment",
                    "changes",
                    "sender",
                    "commits",
                    "ref",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(
    event=st.sampled_from(["installation", "issues", "issue_comment", "pull_request", "push", "repository", "check_suite", "installation_repositories"]),
    body=st.dictionaries(st.sampled_from(["action", "issue", "repository", "installation", "comment", "changes", "sender", "commits", "ref"]), _JSON),
)  # fmt: skip
def test_no_shape_of_payload_makes_it_stumble(event: str, body: dict[str, Any]) -> None:
    """Any JSON under any event is a delivery, at worst an ignored one."""
    taken = deliver("12345678", event, body)
    assert taken.happenings or taken.ignored
    taken.model_dump_json()
