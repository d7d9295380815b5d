#!/usr/bin/env python3
"""Runs a repository's own test and lint commands and says what fails: no model, no key.

Stand-alone: Python's standard library only. Works in the current directory, a checkout of the repository. Reads one
JSON object from the file named in ROUNDSMAN_INPUT (or standard input): `{"repository": …, "inputs": {…}}`; writes the
outcome to the file named in ROUNDSMAN_OUTCOME (or standard output).
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

OUTPUT_CAP = 2_000_000
LINES = 15
WIDTH = 220

_TELLING = re.compile(
    r"^(?:FAILED |ERROR |E   |--- FAIL|FAIL\b|error(?:\[\w+\])?:|test .+ \.\.\. FAILED|\s*● |not ok |\s*✕ |panicked at )"
    r"|^\S+:\d+(?::\d+)?:? |: error: |^(?:Assertion|Type|Value|Name|Import|ModuleNotFound|Syntax)\w*Error\b"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_MISSING = re.compile(
    r"(?:command not found|not found$|No such file or directory|No module named '?(pytest|ruff|mypy|tox)'?$|missing script)"
)

State = Literal["passed", "failed", "stopped", "not here"]
_SIGNS = {"passed": "✅", "failed": "❌", "stopped": "⏱️", "not here": "➖"}


@dataclass(frozen=True)
class Ran:
    """One command, how it ended, and its output without escapes."""

    command: str
    state: State
    seconds: float
    output: str

    @property
    def telling(self) -> list[str]:
        """The lines that say why it failed, else its last ones."""
        lines = [line.rstrip()[:WIDTH] for line in self.output.splitlines() if line.strip()]
        return [line for line in lines if _TELLING.search(line)][:LINES] or lines[-LINES:]


def found_commands(root: Path) -> list[str]:
    """The repository's own commands, tests before linters; a Makefile's targets stand for everything they cover."""
    found = [*_makefile(root)]
    tested = any(command in ("make test", "make check") for command in found)
    linted = any(command in ("make lint", "make check") for command in found)
    for command, is_test in (*_python(root), *_node(root), *_others(root)):
        if not (tested if is_test else linted):
            found.append(command)
    return list(dict.fromkeys(found))


def _makefile(root: Path) -> Iterator[str]:
    text = _text(root / "Makefile") or _text(root / "makefile")
    targets = set(re.findall(r"^([A-Za-z][\w-]*)\s*:(?!=)", text, re.MULTILINE))
    wanted = ["test"] if "test" in targets else ["check"]
    return (f"make {target}" for target in [*wanted, "lint"] if target in targets)


def _python(root: Path) -> Iterator[tuple[str, bool]]:
    try:
        tools = tomllib.loads(_text(root / "pyproject.toml")).get("tool", {})
    except tomllib.TOMLDecodeError:
        tools = {}
    python = Path(sys.executable).name
    is_python = any((root / name).exists() for name in ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini"))
    if (root / "tox.ini").exists() and "pytest" not in tools:
        yield "tox -q", True
    elif "pytest" in tools or (is_python and any((root / name).is_dir() for name in ("tests", "test"))):
        yield f"{python} -m pytest -q", True
    if "ruff" in tools or (root / "ruff.toml").exists():
        yield "ruff check .", False
    if "mypy" in tools or (root / "mypy.ini").exists():
        yield f"{python} -m mypy {' '.join(_mypy_files(root, tools))}".strip(), False


def _mypy_files(root: Path, tools: dict[str, Any]) -> list[str]:
    named = tools.get("mypy", {})
    return [] if (root / "mypy.ini").exists() or {"files", "packages", "modules"} & set(named) else ["."]


def _node(root: Path) -> Iterator[tuple[str, bool]]:
    try:
        scripts = json.loads(_text(root / "package.json") or "{}").get("scripts", {})
    except (json.JSONDecodeError, AttributeError):
        return
    if "no test specified" not in scripts.get("test", "no test specified"):
        yield "npm test --silent", True
    if "lint" in scripts:
        yield "npm run --silent lint", False


def _others(root: Path) -> Iterator[tuple[str, bool]]:
    if (root / "go.mod").exists():
        yield "go test ./...", True
        yield "go vet ./...", False
    if (root / "Cargo.toml").exists():
        yield "cargo test --quiet", True
        yield "cargo clippy --quiet", False


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")[:500_000] if path.is_file() else ""
    except OSError:
        return ""


def run(command: str, root: Path, seconds: float) -> Ran:
    """Run one command line for at most `seconds`; whatever it started ends with it."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=root, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(timeout=max(0.1, seconds))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        said = _ESCAPES.sub("", _tail(output))
    return Ran(command, _state(code, said), time.monotonic() - started, said)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _tail(output: Any) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - OUTPUT_CAP))
    text: str = output.read().decode("utf-8", errors="replace")
    return text


def _state(code: int | None, said: str) -> State:
    if code is None:
        return "stopped"
    if code == 0:
        return "passed"
    last = said.strip().splitlines()[-1:] or [""]
    return "not here" if code == 127 or (code in (1, 126) and _MISSING.search(last[0])) else "failed"


def outcome(request: dict[str, Any], root: Path) -> dict[str, Any]:
    """Run everything and say what came of it; nothing to say when all is well."""
    inputs = request.get("inputs") or {}
    given = [line.strip() for line in str(inputs.get("commands") or "").splitlines() if line.strip()]
    commands = given or found_commands(root)
    if not commands:
        return _quiet("Found no test or lint command; name them in the job's variable `commands`.")
    until = time.monotonic() + 60 * float(inputs.get("minutes", 10))
    ran = [run(command, root, until - time.monotonic()) for command in commands]
    bad = [each for each in ran if each.state in ("failed", "stopped")]
    summary = _summary(ran, bad)
    if not bad and not inputs.get("when_green"):
        return _quiet(summary)
    return {
        "version": 1,
        "status": "done",
        "summary": summary,
        "actions": [{"kind": "comment", "body": _comment(ran, bad, summary)}],
    }


def _quiet(summary: str) -> dict[str, Any]:
    return {"version": 1, "status": "nothing", "summary": summary, "actions": []}


def _summary(ran: list[Ran], bad: list[Ran]) -> str:
    absent = [each.command for each in ran if each.state == "not here"]
    said = (
        f"{len(bad)} of {len(ran)} commands failed"
        if bad
        else f"{len(ran) - len(absent)} of {len(ran)} commands passed"
    )
    return said + (f"; not installed here: {', '.join(absent)}" if absent else "") + "."


def _comment(ran: list[Ran], bad: list[Ran], summary: str) -> str:
    lines = [f"**{summary.removesuffix('.')}**", "", "| | command | seconds |", "| --- | --- | --- |"]
    lines += [
        f"| {_SIGNS[each.state]} {each.state} | {_code(each.command)} | {each.seconds:.0f} |" for each in ran
    ]
    for each in bad:
        why = "stopped when the time was up; its last words" if each.state == "stopped" else "said"
        text = "\n".join(each.telling) or "(nothing)"
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
        lines += ["", f"{_code(each.command)} {why}:", fence, text, fence]
    return "\n".join(lines)


def _code(command: str) -> str:
    return "`" + command.replace("`", "'").replace("|", "\\|")[:120] + "`"


def main() -> None:
    """Read the request, run the commands here, write the outcome."""
    source, target = os.environ.get("ROUNDSMAN_INPUT"), os.environ.get("ROUNDSMAN_OUTCOME")  # noqa: TID251
    request = json.loads(Path(source).read_text("utf-8") if source else sys.stdin.read())
    answer = json.dumps(outcome(request, Path.cwd()), ensure_ascii=False)
    if target:
        Path(target).write_text(answer, "utf-8")
    else:
        print(answer)


if __name__ == "__main__":
    main()
