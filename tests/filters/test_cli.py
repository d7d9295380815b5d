"""`roundsman filter …`: what is printed and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app

ITEMS = [
    {"number": 1, "state": "open", "labels": [{"name": "bug"}], "user": {"login": "bob"}, "created_at": "2026-01-01T00:00:00Z", "title": "a", "body": ""},
    {"number": 2, "state": "open", "labels": [], "user": {"login": "eve"}, "created_at": "2026-02-01T00:00:00Z", "title": "b", "body": ""},
    {"number": 3, "state": "closed", "labels": ["bug"], "user": None, "created_at": "2026-03-01T00:00:00Z", "title": "c", "body": "", "_comments": []},
]  # fmt: skip


@pytest.fixture(params=["array", "lines"])
def items(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The items as a file, in both forms."""
    path = tmp_path / "items.json"
    text = (
        json.dumps(ITEMS, indent=1)
        if request.param == "array"
        else "\n".join(map(json.dumps, ITEMS)) + "\n\n"
    )
    path.write_text(text)
    return str(path)


def run(*words: str, stdin: str | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `roundsman filter …`."""
    result = CliRunner().invoke(app, ["filter", *words], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def data(*words: str, stdin: str | None = None) -> Any:
    """What `--json` prints, which must be data alone."""
    return json.loads(run(*words, "--json", stdin=stdin)[1])


def test_check_prints_exactly_what_is_promised() -> None:
    """A sound query has no diagnostics; a faulty one has all of them, and the exit code says so."""
    assert data("check", "is:open label:bug") == {"ok": True, "diagnostics": []}
    code, out, err = run("check", "lable:bug is:open OR", "--json")
    told = json.loads(out)
    assert code == 1
    assert told["ok"] is False
    assert [(each["start"], each["end"], each["code"]) for each in told["diagnostics"]] == [
        (0, 5, "unknown-qualifier"),
        (18, 20, "missing-operand"),
    ]
    assert all(set(each) == {"start", "end", "code", "message", "hint"} for each in told["diagnostics"])
    assert err.startswith("roundsman: ")
    assert err.count("\n") == 1


def test_a_sound_query_has_no_diagnostics_even_with_a_warning() -> None:
    """What is sound is printed as sound to machines; people read the hint."""
    assert data("check", "crash") == {"ok": True, "diagnostics": []}
    code, out, _ = run("check", "crash")
    assert code == 0
    assert "in:title,body" in out


def test_check_shows_carets_to_people() -> None:
    """On a terminal the fault is shown under the query."""
    _, out, _ = run("check", "is:open lable:bug")
    assert "is:open lable:bug\n        ^^^^^\n" in out


def test_match_prints_numbers_in_result_order(items: str) -> None:
    """Newest first, or as the query sorts; what cannot be judged is apart."""
    assert data("match", "is:open", "--items", items) == {"matched": [2, 1], "unknown": []}
    assert data("match", "is:open sort:created-asc", "--items", items) == {"matched": [1, 2], "unknown": []}
    assert data("match", "commenter:x OR label:bug", "--items", items) == {"matched": [3, 1], "unknown": [2]}
    assert data("match", "-label:bug", "--items", items) == {"matched": [2], "unknown": []}
    assert data("match", "author:@me", "--items", items, "--me", "BOB") == {"matched": [1], "unknown": []}
    assert data("match", "created:<20d", "--items", items, "--now", "2026-02-15T00:00:00+02:00")[
        "matched"
    ] == [3, 2]


def test_a_dash_reads_a_query_a_line(items: str) -> None:
    """Each line is answered by one JSON line, a faulty one by its diagnostics, an empty one like the empty query."""
    code, out, _ = run("match", "-", "--items", items, "--json", stdin="is:open\nfoo:x\n\n-label:bug\n")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [each.get("matched") for each in answers] == [[2, 1], None, [3, 2, 1], [2]]
    assert answers[1]["ok"] is False
    assert [
        json.loads(line)["ok"] for line in run("check", "-", "--json", stdin="is:open\nx\n")[1].splitlines()
    ] == [True, True]


def test_teams_come_from_a_file(items: str, tmp_path: Path) -> None:
    """Membership decides review requests through teams."""
    pull = {"number": 9, "state": "open", "head": {"ref": "x"}, "base": {"ref": "main"}, "requested_reviewers": [], "requested_teams": [{"slug": "core"}],
            "repository_url": "https://api.github.com/repos/acme/shop"}  # fmt: skip
    (tmp_path / "pull.json").write_text(json.dumps([pull]))
    (tmp_path / "teams.json").write_text(json.dumps({"acme/core": ["eve"]}))
    words = ("match", "review-requested:eve", "--items", str(tmp_path / "pull.json"))
    assert data(*words) == {"matched": [], "unknown": [9]}
    assert data(*words, "--teams", str(tmp_path / "teams.json")) == {"matched": [9], "unknown": []}


def test_explain_names_the_deciding_terms(items: str) -> None:
    """The answer holds the verdict and the terms that settle it."""
    told = data("explain", "is:open label:bug", "--items", items, "--number", "2")
    assert (told["number"], told["verdict"], [each["text"] for each in told["terms"]]) == (
        2,
        "no",
        ["label:bug"],
    )
    assert run("explain", "is:open", "--items", items, "--number", "77")[0] == 2


def test_plan_describe_and_complete_answer() -> None:
    """The other commands print their data, too."""
    made = data("plan", "is:open label:bug", "--repo", "acme/shop")
    assert made["calls"][0]["path"] == "/repos/acme/shop/issues"
    assert made["calls"][0]["params"] | {"state": "open", "labels": "bug"} == made["calls"][0]["params"]
    assert data("describe", "is:open is:issue") == {"description": "Open issues."}
    assert [each["text"] for each in data("complete", "is:op")] == ["open"]


WRONG = [
    ("match", "is:open", "--items", "/no/such/file"), ("match", "is:open", "--items", __file__), ("match", "-", "--items", "-"),
    ("plan", "is:open", "--repo", "nonsense"), ("plan", "is:open", "--repo", "a/b", "--target", "x"), ("plan", "is:open", "--repo", "a/b", "--now", "soon"),
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage_ends_with_two_and_one_line(words: tuple[str, ...]) -> None:
    """What is wrong with the call is told in one line, and the exit code is 2."""
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("roundsman: ")
