"""Outcomes: read strictly, allowed by the job, refused with a reason."""

import json

import pytest

from bot.flow.outcome import Fault, decide, from_message, parse
from bot.flow.protected import protected
from bot.model.agent import Patch, PatchFile
from bot.model.outcome import Action, May, Outcome


def outcome(*actions: dict[str, object]) -> Outcome:
    """Build an outcome as an agent would write it."""
    got = parse(json.dumps({"version": 1, "status": "done", "summary": "s", "actions": actions}).encode())
    assert isinstance(got, Outcome)
    return got


def patch(*files: PatchFile, diff: str = "") -> Patch:
    """Build a patch of these files."""
    return Patch(base="0" * 40, diff=diff, files=files)


GOOD = (
    b'{"version": 1, "status": "done", "summary": "All well", "actions": [{"kind": "comment", "body": "Hi"}]}'
)


def test_a_good_outcome_is_read() -> None:
    """Status, summary and actions arrive typed."""
    got = parse(GOOD)
    assert isinstance(got, Outcome)
    assert [a.kind for a in got.actions] == ["comment"]


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"version": 1, "version": 1}', "twice"),
        (b'{"version": 1, "summary": NaN}', "NaN"),
        (b'{"version": 1, "x": 1e999}', "too large"),
        (b'{"version": 1, "actions": ' + b"[" * 50 + b"]" * 50 + b"}", "nested"),
        (b"[" * 500_000, "nested"),
        (b'{"version": 1, "summary": "' + b"x" * 1_100_000 + b'"}', "larger"),
        (b'{"version": ' + b"9" * 5000 + b"}", "cannot be read"),
        (b"[]", "object"),
        (b'{"version": 2}', "version"),
        (b'{"version": true}', "version"),
        (b'{"version": 1, "repo": "a/b"}', "keys nobody knows: repo"),
        (b'{"version": 1, "status": "great"}', "status"),
        (b'{"version": 1, "actions": {}}', "list"),
    ],
)
def test_bad_outcomes_are_refused_with_words(raw: bytes, word: str) -> None:
    """Each fault of an outcome file has words of its own."""
    got = parse(raw)
    assert isinstance(got, Fault)
    assert word in got.words


def test_one_bad_action_spoils_no_other() -> None:
    """A malformed action is refused alone, with its place."""
    got = outcome({"kind": "comment", "body": "x"}, {"kind": "dance"}, {"kind": "close", "number": 9}, "x")  # type: ignore[arg-type]
    decision = decide(got, May())
    assert [a.kind for a in decision.allowed] == ["comment"]
    assert [r.reason.split(":")[0] for r in decision.refused] == ["action 2", "action 3", "action 4"]


def test_brackets_inside_strings_are_no_depth() -> None:
    """Text may hold as many brackets as it likes."""
    assert isinstance(parse(json.dumps({"version": 1, "summary": "[" * 100}).encode()), Outcome)


def test_a_final_message_may_be_the_outcome() -> None:
    """Whole JSON and a last fenced block count; plain words are no outcome; a broken one is a fault."""
    assert isinstance(from_message(GOOD.decode()), Outcome)
    assert isinstance(from_message("I am done.\n```json\n" + GOOD.decode() + "\n```"), Outcome)
    assert from_message("All is well.") is None
    assert isinstance(from_message('{"version": 1, "x": 2}'), Fault)


LABELS = {"kind": "labels.add", "labels": ["bug", "needs-info", "wontfix"]}


@pytest.mark.parametrize(
    ("action", "may", "reason"),
    [
        ({"kind": "close"}, {}, "the job may not close the item"),
        ({"kind": "labels.add", "labels": ["p1"]}, {"labels": ["bug"]}, "not among"),
        ({"kind": "labels.add", "labels": ["a", "b"]}, {"labels": 1}, "at most 1"),
        ({"kind": "labels.add", "labels": ["b\u200bug"]}, {"labels": True}, "hidden"),
        ({"kind": "labels.add", "labels": ["AKIAIOSFODNN7EXAMPLE"]}, {"labels": True}, "secret"),
        ({"kind": "assign", "assignees": ["mallory"]}, {"assign": ["ada"]}, "not among"),
        ({"kind": "milestone", "title": "v9"}, {"milestone": ["v1.*"]}, "not among"),
        ({"kind": "review", "event": "APPROVE"}, {"review": True}, "not among"),
        ({"kind": "issue", "title": "t", "labels": ["x"]}, {"issue": 1}, "no label"),
        ({"kind": "pull_request", "title": "t"}, {"pull_request": True}, "no workspace"),
        ({"kind": "comment", "body": "<!-- only hidden -->"}, {}, "hidden parts"),
    ],
)
def test_what_a_job_may_not_do_is_refused(
    action: dict[str, object], may: dict[str, object], reason: str
) -> None:
    """Every no has its reason."""
    decision = decide(outcome(action), May.model_validate(may), on="pull_request")
    assert reason in decision.refused[-1].reason


def test_labels_are_judged_one_by_one() -> None:
    """Allowed labels go through, the others are named."""
    decision = decide(outcome(LABELS), May.model_validate({"labels": ["bug", "needs-*"]}))
    (action,) = decision.allowed
    assert action.kind == "labels.add"
    assert action.labels == ("bug", "needs-info")
    assert "wontfix" in decision.refused[0].reason


def test_a_second_comment_is_one_too_many() -> None:
    """The default is one comment."""
    two = outcome({"kind": "comment", "body": "a"}, {"kind": "comment", "body": "b"})
    decision = decide(two, May())
    assert len(decision.allowed) == 1
    assert "at most 1" in decision.refused[0].reason


def test_reviews_and_checks_need_a_pull_request() -> None:
    """An issue cannot be reviewed, and a codebase session has no item to label."""
    review = outcome({"kind": "review", "body": "x"})
    may = May.model_validate({"review": True, "labels": True})
    assert "no pull request" in decide(review, may, on="issue").refused[0].reason
    assert decide(review, may, on="pull_request").allowed
    assert "no issue" in decide(outcome(LABELS), may, on="nothing").refused[0].reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (patch(PatchFile(path=".github/workflows/x.yml", status="added")), ".github/"),
        (patch(PatchFile(path="sub/.CLAUDE/settings.json", status="added")), ".claude/"),
        (patch(PatchFile(path="CLAUDE.md", status="modified")), "configures"),
        (patch(PatchFile(path="a", status="added", mode="120000")), "symbolic link"),
        (patch(PatchFile(path="a", status="deleted", old_mode="160000")), "submodule"),
        (patch(PatchFile(path="b", old_path=".github/x", status="renamed")), ".github/"),
        (patch(PatchFile(path="src/a.py", status="modified")), "outside the paths"),
        (patch(PatchFile(path="docs/a", status="added"), diff="+key = AKIAIOSFODNN7EXAMPLE\n"), "secret"),
        (patch(), "nothing was changed"),
        (Patch(base="0" * 40, diff="", refused="the change is over 100 files"), "over 100"),
    ],
)
def test_protected_changes_become_no_pull_request(changed: Patch, reason: str) -> None:
    """Agent settings, CI, links, submodules, secrets and foreign paths stop the pull request."""
    may = May.model_validate({"pull_request": {"values": ["docs/*", "*.md", ".*", "sub/*", "a", "b"]}})
    decision = decide(outcome({"kind": "pull_request", "title": "t"}), may, patch=changed)
    assert not decision.allowed
    assert reason in decision.refused[0].reason


def test_an_ordinary_change_becomes_a_pull_request() -> None:
    """What touches nothing protected goes through."""
    changed = patch(PatchFile(path="src/cart.py", status="modified"), diff="+return 0\n-key\n")
    decision = decide(
        outcome({"kind": "pull_request", "title": "Fix #3"}), May(pull_request=True), patch=changed
    )  # type: ignore[arg-type]
    actions: tuple[Action, ...] = decision.allowed
    assert [a.kind for a in actions] == ["pull_request"]


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a//b", ".git/config", "a/.Git/x", "GIT~1/x", ".gitattributes.", "a\\b"]
)
def test_tricks_with_paths_are_seen(path: str) -> None:
    """Escapes and other spellings of protected names are protected too."""
    assert protected(path)


def test_texts_are_cleaned_and_redacted() -> None:
    """Whatever is allowed or refused is safe to show."""
    got = outcome({"kind": "comment", "body": "see hunter22 @bob"}, {"kind": "close"})
    decision = decide(got, May(), secrets=["hunter22"])
    assert "hunter22" not in decision.model_dump_json()
    assert "@bob" not in decision.model_dump_json()
