"""The command line as a client of the database: it writes rows, tells what is there, and ends as it should."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.cli.client import BY
from bot.flow.clock import SystemClock
from bot.model.run import RunItem, SessionStatus
from bot.store import audit, runs, sessions, transcripts, words
from bot.store.database import Database, connect
from bot.store.tables import Sessions

FILE = """version: 1
jobs:
  triage:
    on: {schedule: "0 9 * * 1-5"}
    filter: is:open label:bug
    prompt: Look at it.
  sweep:
    on: {every: 4h}
    target: codebase
    prompt: Sweep.
"""


@dataclass(frozen=True)
class Said:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What was printed as JSON, which is all that was printed."""
        return json.loads(self.out)


Say = Callable[..., Said]


@pytest.fixture
def say(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """The command line on a fresh database."""
    monkeypatch.setenv("ROUNDSMAN_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("ROUNDSMAN_DATA_DIR", str(tmp_path))

    def call(*arguments: str) -> Said:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def stored(say: Say, tmp_path: Path, sqlite_url: str) -> Any:
    """The same database with two jobs in it, and a door to look behind."""
    file = tmp_path / "roundsman.yml"
    file.write_text(FILE)
    assert say("jobs", "apply", "acme/shop", str(file)).code == 0
    database = Database(connect(sqlite_url))
    yield database
    database.close()


def test_a_file_is_applied_whole_and_again_changes_nothing(
    say: Say, stored: Database, tmp_path: Path
) -> None:
    """A rehearsal says what would be; a faulty file ends with its lines and code 1."""
    told = say("jobs", "list", "--json").data
    assert [(job["name"], job["status"], job["source"]) for job in told] == [
        ("sweep", "active", "api"),
        ("triage", "active", "api"),
    ]
    file = tmp_path / "roundsman.yml"
    assert say("jobs", "apply", "acme/shop", str(file), "--json").data["unchanged"] == ["triage", "sweep"]
    file.write_text(FILE.replace("4h", "5h"))
    assert say("jobs", "apply", "acme/shop", str(file), "--dry-run").out.startswith("would be changed: sweep")
    assert say("jobs", "apply", "acme/shop", str(file)).out.startswith("changed: sweep")
    file.write_text(FILE + "  bad: {prmpt: x}\n")
    refused = say("jobs", "apply", "acme/shop", str(file))
    assert refused.code == 1
    assert "prmpt" in refused.err
    assert "nothing was applied" in refused.err


def test_jobs_are_paused_disabled_and_run_by_name(say: Say, stored: Database) -> None:
    """A disabled job cannot be run: code 1 and what to do; nobody there to work is said on the side."""
    assert say("jobs", "pause", "acme/shop", "triage", "--reason", "moving").out == "triage is paused\n"
    ran = say("jobs", "run", "acme/shop", "triage", "--number", "7", "--json")
    assert (ran.code, ran.data["number"], ran.data["by"]) == (0, 7, BY)
    assert "no worker runs" in ran.err
    assert "next fire" in say("jobs", "resume", "acme/shop", "triage").out
    assert say("jobs", "disable", "acme/shop", "triage", "--json").data["status"] == "disabled"
    refused = say("jobs", "run", "acme/shop", "triage")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "roundsman: 'triage' is disabled; enable it first\n"
    assert say("jobs", "enable", "acme/shop", "triage").code == 0
    shown = say("jobs", "show", "acme/shop", "triage")
    assert "is:open label:bug" in shown.out
    assert "manual" in shown.out
    done = {entry.action for entry in stored.read_now(audit.entries)}
    assert {"job.paused", "job.run", "job.resumed", "job.disabled", "job.enabled"} <= done


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["jobs", "show", "acme/nope", "x"], 2, "no repository acme/nope here"),
        (["jobs", "show", "acme/shop", "nope"], 1, "there is no job 'nope'"),
        (["jobs", "list", "--status", "odd"], 2, "no status 'odd'"),
        (["jobs", "backfill", "acme/shop", "triage", "--since", "yesterday"], 2, "no instant"),
        (["jobs", "backfill", "acme/shop", "triage", "--since", "2999-01-01"], 1, "a backfill reaches"),
        (["runs", "show", "99"], 2, "no run 99"),
        (["runs", "list", "--job", "triage"], 2, "which repository"),
        (["sessions", "show", "99"], 2, "no session 99"),
        (["sessions", "transcript", "99"], 2, "no session 99"),
        (["stop"], 2, "stop what"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    say: Say, stored: Database, arguments: list[str], code: int, words: str
) -> None:
    """On standard error, with what to do; nothing on standard output."""
    ended = say(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("roundsman: ")
    assert words in ended.err
    assert ended.err.count("\n") == 1
    assert "; " in ended.err


def test_the_next_fires_and_a_stretch_of_the_past(say: Say, stored: Database) -> None:
    """Preview and backfill tell instants; a second backfill finds nothing left."""
    told = say("jobs", "preview", "acme/shop", "triage", "-n", "3", "--json").data
    assert len(told["next_fires"]) == 3
    assert say("jobs", "preview", "acme/shop", "triage").out.count("T09:00:00") == 5
    since = (SystemClock().now() - timedelta(days=8)).isoformat()
    made = say("jobs", "backfill", "acme/shop", "triage", "--since", since, "--json").data
    assert len(made) >= 5
    assert {run["trigger"] for run in made} == {"backfill"}
    assert say("jobs", "backfill", "acme/shop", "triage", "--since", since, "--json").data == []


def test_runs_and_sessions_are_listed_shown_and_ended(say: Say, stored: Database) -> None:
    """Numbers lead from jobs to runs to sessions to what was said."""
    run_id = say("jobs", "run", "acme/shop", "triage", "--json").data["id"]
    now = SystemClock().now()
    stored.write_now(runs.begin, run_id, "w", now)
    items = [RunItem(run_id=run_id, number=8, verdict="skipped", reason="already done by run 0")]
    stored.write_now(runs.record_items, items)
    run = stored.read_now(runs.get, run_id)
    assert run is not None
    row = Sessions(
        run_id=run.id,
        job_id=run.job_id,
        repository_id=run.repository_id,
        number=7,
        title="Crash",
        url="",
        queued_at=now,
        status="running",
    )
    stored.write_now(lambda db: db.add(row))
    stored.write_now(transcripts.say, 1, 1, 1, [{"kind": "text", "text": "Looking\nat it"}], now)

    assert [one["id"] for one in say("runs", "list", "acme/shop", "--job", "triage", "--json").data] == [
        run_id
    ]
    assert say("runs", "list", "--status", "failed").out == "no runs\n"
    shown = say("runs", "show", str(run_id))
    assert "already done by run 0" in shown.out
    assert "#7" in shown.out
    assert say("runs", "show", str(run_id), "--json").data["items"][0]["number"] == 8
    assert "Crash" in say("sessions", "show", "1").out
    assert "text: Looking at it" in say("sessions", "transcript", "1").out
    assert json.loads(say("sessions", "transcript", "1", "--json").out)["event"]["kind"] == "text"
    assert say("sessions", "cancel", "1").out == "session 1 ends\n"
    stored.write_now(sessions.finish, 1, 1, SessionStatus.cancelled, now)
    assert say("sessions", "cancel", "1").code == 1
    again = say("sessions", "rerun", "1", "--json").data
    assert (again["number"], again["job"]) == (7, "triage")
    assert say("runs", "undo", str(again["id"])).code == 1
    assert say("runs", "cancel", str(again["id"]), "--json").data["status"] == "cancelled"
    assert say("runs", "cancel", str(again["id"])).code == 1


def test_everything_stops_at_once_and_goes_on(say: Say, stored: Database) -> None:
    """While it is stopped nothing can be run."""
    run_id = say("jobs", "run", "acme/shop", "triage", "--json").data["id"]
    assert say("stop", "--all").code == 0
    assert stored.read_now(words.stopped) == BY
    ended = stored.read_now(runs.get, run_id)
    assert ended is not None
    assert ended.status.value == "cancelled"
    refused = say("jobs", "run", "acme/shop", "triage")
    assert (refused.code, "has stopped everything" in refused.err) == (1, True)
    assert say("stop", "--lift", "--json").data == {"stopped": False}
    assert say("jobs", "run", "acme/shop", "triage").code == 0
