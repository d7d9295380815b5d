"""Files given on the command line: REST items (a JSON array or JSON Lines) and teams."""

import json
import sys
from pathlib import Path
from typing import Any

from bot.cli.ends import wrong_usage

Item = dict[str, Any]


def read_items(path: str) -> list[Item]:
    """Read REST issues and pull requests; `-` is standard input. Anything else than objects exits with 2."""
    text = _read(path, "--items")
    rows = _array(text, path) if text.lstrip()[:1] == "[" else _lines(text, path)
    if len(rows) == 1 and isinstance(rows[0], dict) and isinstance(rows[0].get("items"), list):
        rows = rows[0]["items"]  # an answer of the search endpoint
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise wrong_usage(
                f"{path}: entry {place} is not an object",
                "give REST issue objects, one a line or in one array",
            )
    return rows


def read_teams(path: str | None) -> dict[str, list[str]]:
    """Read `{"org/team": ["login", …]}`; no path is no teams."""
    if path is None:
        return {}
    try:
        teams = json.loads(_read(path, "--teams"))
    except (ValueError, RecursionError) as fault:
        raise wrong_usage(f"{path} is not JSON: {fault}", 'write {"org/team": ["login"]}') from None
    sound = isinstance(teams, dict) and all(
        isinstance(members, list) and all(isinstance(login, str) for login in members)
        for members in teams.values()
    )
    if not sound:
        raise wrong_usage(f"{path} does not hold teams", 'write {"org/team": ["login"]}')
    return teams  # type: ignore[no-any-return]


def _read(path: str, option: str) -> str:
    try:
        return (
            sys.stdin.buffer.read().decode("utf-8-sig") if path == "-" else Path(path).read_text("utf-8-sig")
        )
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) and fault.strerror else "not UTF-8 text"
        raise wrong_usage(
            f"{option} {path}: {why}",
            "give a file of REST issues as JSON" if option == "--items" else "give a JSON file",
        ) from None


def _array(text: str, path: str) -> list[Any]:
    try:
        rows: list[Any] = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise wrong_usage(f"{path} is not JSON: {fault}", "give a JSON array or JSON Lines") from None
    return rows


def _lines(text: str, path: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError):
                return _single(text, path, number)
    return rows


def _single(text: str, path: str, number: int) -> list[Any]:
    """One object over many lines is read, too."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError) as fault:
        raise wrong_usage(
            f"{path}: line {number} is not JSON: {fault}", "give a JSON array or JSON Lines"
        ) from None
