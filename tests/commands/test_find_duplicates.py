"""`issue/find-duplicates`, run as the program it is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import duplicates
from tests.commands.words import LIBRARY

ROWS = [
    (1, "Export to CSV drops the last row", "The exporter drops the last row of every order sheet when the file has no newline."),
    (2, "Add a dark theme", "My eyes hurt at night. A dark theme would help."),
    (3, "Timezone of pick-up times is wrong", "Pick-up times are shown in UTC, the bakery is in Lisbon."),
    (4, "Document the webhook payload", "There is no page on the webhook payload."),
    (5, "Crash when the flour stock is negative", "ValueError in reserve() if stock is negative after an audit."),
    (6, "Last row missing in CSV export", "When I export an order sheet the last row is missing if the file has no newline at its end."),
    (7, "Support Python 3.14", "Wheels for 3.14 please."),
]  # fmt: skip


def row(number: int, title: str, body: str | None, **more: Any) -> dict[str, Any]:
    """A REST issue, as far as the program looks."""
    return {
        "number": number,
        "title": title,
        "body": body,
        "state": "open",
        "created_at": f"2026-01-{number:02d}T09:00:00Z",
        "html_url": f"https://example.org/acme/shop/issues/{number}",
    } | more


ISSUES = [row(*given) for given in ROWS]


def ask(item: dict[str, Any], issues: Any, folder: Path, **inputs: Any) -> dict[str, Any]:
    """Run the program as a session does: text from the catalogue, files for input and outcome."""
    program, request, answer = folder / "program.py", folder / "input.json", folder / "outcome.json"
    program.write_text(LIBRARY.script(LIBRARY.get("issue/find-duplicates")))
    request.write_text(json.dumps({"item": item, "repository": {}, "issues": issues, "inputs": inputs}))
    environment = {"ROUNDSMAN_INPUT": str(request), "ROUNDSMAN_OUTCOME": str(answer)}
    subprocess.run([sys.executable, "-I", str(program)], check=True, env=environment, cwd=folder, timeout=120)
    said: dict[str, Any] = json.loads(answer.read_text())
    return said


def test_a_second_report_names_the_first(tmp_path: Path) -> None:
    """The comment links the earlier issue, says its state and the words both use, and closes nothing."""
    said = ask(ISSUES[5], ISSUES, tmp_path)
    assert said["status"] == "done"
    (comment,) = said["actions"]
    assert comment["kind"] == "comment"
    assert (
        "[#1 Export to CSV drops the last row](https://example.org/acme/shop/issues/1) (open since 2026-01-01)"
        in comment["body"]
    )
    assert "`csv`" in comment["body"]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7])
def test_all_others_stay_quiet(number: int, tmp_path: Path) -> None:
    """An issue without an earlier twin, and the first of two twins, get no comment."""
    assert ask(ISSUES[number - 1], ISSUES, tmp_path)["status"] == "nothing"


@pytest.mark.parametrize("others", [(), (2,), (2, 4), (2, 4, 7)])
def test_a_small_repository_has_duplicates_too(others: tuple[int, ...], tmp_path: Path) -> None:
    """Two issues of two, three, four or five that say the same are found; those beside them stay quiet."""
    issues = [issue for issue in ISSUES if issue["number"] in (1, 6, *others)]
    said = ask(ISSUES[5], issues, tmp_path)
    assert said["summary"].startswith("Like #1 (")
    assert [ask(ISSUES[number - 1], issues, tmp_path)["status"] for number in others] == ["nothing"] * len(
        others
    )


def test_the_issues_may_be_a_file_of_lines(tmp_path: Path) -> None:
    """JSON Lines and a JSON array by path do the same as a list."""
    lines, array = tmp_path / "issues.jsonl", tmp_path / "issues.json"
    lines.write_text("\n".join(map(json.dumps, ISSUES)))
    array.write_text(json.dumps(ISSUES))
    assert (
        ask(ISSUES[5], str(lines), tmp_path)
        == ask(ISSUES[5], str(array), tmp_path)
        == ask(ISSUES[5], ISSUES, tmp_path)
    )


def test_who_names_the_other_needs_no_telling(tmp_path: Path) -> None:
    """An issue that mentions the earlier one is left alone."""
    knows = row(6, ISSUES[5]["title"], ISSUES[5]["body"] + " Same as #1?")
    assert ask(knows, ISSUES, tmp_path)["status"] == "nothing"


def test_pull_requests_are_not_issues(tmp_path: Path) -> None:
    """The fix of a defect uses its words and is no duplicate of it."""
    pull = row(1, ISSUES[0]["title"], ISSUES[0]["body"], pull_request={})
    assert ask(ISSUES[5], [pull, *ISSUES[1:]], tmp_path)["status"] == "nothing"


def test_inputs_set_bar_number_and_label(tmp_path: Path) -> None:
    """A bar nobody reaches is quiet; a label rides along when asked for."""
    assert ask(ISSUES[5], ISSUES, tmp_path, threshold=0.99)["status"] == "nothing"
    assert ask(ISSUES[5], ISSUES, tmp_path, label="duplicate?")["actions"][1] == {
        "kind": "labels.add",
        "labels": ["duplicate?"],
    }


@pytest.mark.parametrize(
    "title", ["", '\u202e) OR NEAR("', 'a AND b NOT c* ^d {e} "f', "'; DROP TABLE issue; --"]
)
def test_hostile_words_are_words(title: str, tmp_path: Path) -> None:
    """Search syntax, empty texts and odd characters in an issue break nothing."""
    assert ask(row(8, title, None), [*ISSUES, row(9, title, title)], tmp_path)["status"] == "nothing"


def test_a_title_cannot_write_our_comment(tmp_path: Path) -> None:
    """Markdown in another issue's title is shown, not obeyed."""
    evil = row(1, "Export to CSV [drops](http://evil) last row <img> @everyone", ISSUES[0]["body"])
    body = ask(ISSUES[5], [evil, *ISSUES[1:]], tmp_path)["actions"][0]["body"]
    assert r"\[drops\](http://evil) last row \<img\> \@everyone" in body.replace(r"\(", "(").replace(
        r"\)", ")"
    )


@pytest.mark.skipif(not duplicates.DATA.is_dir(), reason="no shared data beside the checkout")
def test_maintainers_agree_on_real_issues() -> None:
    """On a real project: of what is named where maintainers judged, at least 4 of 5 are right; at most 1 issue in 15 is spoken on."""
    row = next(row for row in duplicates.measure(pulls=False) if row.threshold == 0.5)
    assert row.precision >= 0.8
    assert row.recall >= 0.2
    assert row.spoke_on <= 33
