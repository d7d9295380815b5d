"""The walk of docs/first-job.md and docs/watch.md from outside: a first scheduled comment, three commands, word of a failure, metrics."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.demo.seed import seed
from tests.stories.processes import ROOT, served, until

HEARD: list[dict[str, str]] = []
JOBS = """
version: 1
jobs:
  duplicates:
    on: {schedule: "*/10 * * * *"}
    filter: "is:open label:needs-triage -label:wontfix"
    command: issue/find-duplicates
    max_items: 2
  health:
    on: {schedule: "*/10 * * * *"}
    target: codebase
    command: codebase/health-check
  triage:
    on: {schedule: "*/10 * * * *"}
    filter: "is:open label:needs-triage"
    command: issue/root-cause
    max_items: 1
    limits: {budget: {session: 1}}
    notify: [{to: here, on: [failed]}]
"""


class Listen(BaseHTTPRequestHandler):
    """The listener docs/watch.md shows."""

    def do_POST(self) -> None:
        """Keep what was said."""
        HEARD.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def listener() -> Iterator[str]:
    """A loopback service that takes messages; gives its Apprise URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listen)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    server.server_close()


def test_a_newcomer_gets_a_comment_is_told_of_a_failure_and_finds_each_in_the_metrics(
    tmp_path: Path, listener: str
) -> None:
    """In an empty folder, by nothing but the program's own commands and the embedded GitHub."""
    with served() as github:
        repo = seed(github)
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ROUNDSMAN_GITHUB_API_URL": github.url,
            "ROUNDSMAN_GITHUB_URL": github.url, "ROUNDSMAN_GITHUB_TOKEN": github.personal_token("marta-oliveira"),
            "ROUNDSMAN_NOTIFY": json.dumps({"here": listener}), "ROUNDSMAN_TOOLS_DIR": str(tmp_path / "none"),
            "ROUNDSMAN_REPOSITORIES": '["rye-and-co/proofing"]',
        }  # fmt: skip
        repo.commit(("marta-oliveira", github.clock(), "Make the rounds", {".github/roundsman.yml": JOBS}))
        roundsman(tmp_path, environment, "tick")
        runs, metrics = looked_up(tmp_path, environment)
        assert {(run["job"], run["trigger"], run["status"]) for run in runs} == {
            ("duplicates", "schedule", "completed"), ("health", "schedule", "completed"), ("triage", "schedule", "failed"),
        }  # fmt: skip
        comments = [c.body for issue in repo.issues for c in issue.comments if "<!-- roundsman:" in c.body]
        assert any("looks like one that is here already" in body for body in comments)
        (word,) = HEARD
        assert "triage failed" in word["title"]
        assert "claude is not installed" in word["message"]
    assert metrics["roundsman_runs_ended_24h", "failed"] == 1
    assert metrics["roundsman_runs_ended_24h", "completed"] == 2
    assert metrics["roundsman_writes_24h", "comment"] == len(comments)
    commands = {key[1:] for key in metrics if key[0] == "roundsman_command_sessions_ended_24h"}
    assert {name for name, _ in commands} == {
        "issue/find-duplicates", "codebase/health-check", "issue/root-cause"
    }  # fmt: skip
    assert ("issue/root-cause", "failed") in commands
    assert metrics["roundsman_notifications_sent_24h", "here"] == 1


def roundsman(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """Call the program as a person does; it ends well, and what it said is given."""
    ended = subprocess.run(
        [sys.executable, "-m", "bot", *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def looked_up(
    folder: Path, environment: dict[str, str]
) -> tuple[list[dict[str, str]], dict[tuple[str, ...], float]]:
    """What the running service tells a machine with a token: the runs, and the metrics by name and labels."""
    token = roundsman(folder, environment, "tokens", "create", "prometheus").strip()
    with (folder / "serve.log").open("w") as log:
        service = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", "--local", "--port", "0"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        link = until(
            lambda: re.search(r"open (http://127\.0\.0\.1:\d+)/start/", (folder / "serve.log").read_text())
        )
        metrics = until(lambda: asked(f"{link[1]}/metrics", token))
        runs = until(lambda: asked(f"{link[1]}/api/runs", token))
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.wait(30)
    return runs.json(), {
        (sample.name, *(sample.labels[name] for name in ("command", "status", "kind", "channel") if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(metrics.text)
        for sample in family.samples
    }  # fmt: skip


def asked(url: str, token: str) -> httpx.Response | None:
    """The answer, or None while nobody answers yet."""
    try:
        return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    except httpx.TransportError:
        return None
