"""The pages of docs/ that are written from the program itself, each by a function that returns its text."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import commands.docs
from bot.agents.prices import ALIASES, AS_OF, LIST
from bot.cli import app
from bot.flow.schema import reference
from bot.settings import Settings
from filters.qualifiers import FIELD, ROWS, Qualifier
from filters.verdict import Facet
from tests.docs.api_page import api_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTE = "<!-- Written by `make reference` from the program; a test keeps it current. -->"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Where it runs": ("database_", "data_dir", "host", "port", "public_", "secret_key", "slot", "local", "timezone"),
    "GitHub": ("github_", "repositories", "jobs_file", "allowed_accounts", "operators", "quota_"),
    "Agents and models": ("default_", "model_", "prices", "sandbox", "tools_dir", "workspace_", "egress", "mcp_", "idle_"),
    "Limits": ("max_", "ceilings", "minimum_period", "api_rate", "session_hours", "grace_seconds", "poll_"),
    "Context for prompts": ("http_", "linear_", "database_contexts"),
    "Word and watch": ("notify", "language", "quiet_", "webhooks_", "log_", "otlp_"),
    "Keeping": ("retention",),
}  # fmt: skip
"""Headings of the settings page, each with the beginnings of its settings' names; the longest beginning wins."""

FACETS: Mapping[Facet, str] = {
    Facet.ITEM: "the list of items",
    Facet.PULL: "the pull request",
    Facet.COMMENTS: "its comments",
    Facet.REVIEWS: "its reviews",
    Facet.DECISION: "GitHub's review decision",
    Facet.CHECKS: "its checks",
    Facet.LINKED: "what it is linked to",
    Facet.PROJECTS: "its projects",
    Facet.QUEUE: "the merge queue",
    Facet.REPOSITORY: "the repository",
    Facet.TEAMS: "the members of teams",
}


def settings_page() -> str:
    """Every setting, from bot/settings.py."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "",
        "Roundsman reads its settings from the environment and from a file `.env` in the directory it is started in; the environment wins.",
        "Lists and tables are written as JSON. A wrong value is refused at the start, by name.",
    ]
    grouped: dict[str, list[str]] = {heading: [] for heading in (*GROUPS, "Further")}
    for name, field in Settings.model_fields.items():
        grouped[_group(name)].append(name)
        assert field.description, f"bot/settings.py: {name} needs a description"
    for heading, names in grouped.items():
        if names:
            lines += [
                "",
                f"## {heading}",
                "",
                "| setting | value | default | meaning |",
                "| --- | --- | --- | --- |",
            ]
            lines += [_setting(name, Settings.model_fields[name]) for name in names]
    return "\n".join([*lines, ""])


def _group(name: str) -> str:
    fitting = [
        (len(start), heading)
        for heading, starts in GROUPS.items()
        for start in starts
        if name.startswith(start)
    ]
    return max(fitting)[1] if fitting else "Further"


def _setting(name: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    shown = (
        ""
        if default in (None, [], {}, "") or isinstance(default, BaseModel)
        else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    )
    return f"| `ROUNDSMAN_{name.upper()}` | {_kind(field.annotation)} | {shown} | {_cell(field.description or '')} |".replace(
        "|  |", "| |"
    )


def _kind(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind(each) for each in inner if each is not types.NoneType)
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in inner)
    if origin is list:
        return "JSON list"
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "JSON table"
    words = {
        str: "text",
        int: "number",
        float: "number",
        bool: "`true` or `false`",
        Path: "path",
        SecretStr: "secret",
    }
    return words.get(annotation, "text")


def cli_page() -> str:
    """Every command and option of the command line, from Typer."""
    lines = [
        "# Command line",
        "",
        NOTE,
        "",
        "Results go to standard output, everything else to standard error. `--json` prints data alone. Exit codes: 0 done, 1 the work",
        "ended badly (failed items, an invalid query), 2 wrong usage. An error is one line: `roundsman: what; what to do`.",
    ]
    for path, command in leaves(typer.main.get_command(app), ("roundsman",)):
        lines += ["", *_command(path, command)]
    return "\n".join([*lines, ""])


def leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it."""
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name in sorted(inner):
        yield from leaves(inner[name], (*path, name))


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    name = " ".join(path)
    assert command.help, f"{name} needs a docstring"
    given = [p for p in command.params if not p.opts[0].startswith("-")]
    options = [p for p in command.params if p.opts[0].startswith("-") and p.name != "help" and not p.hidden]
    words = [_argument(each) for each in given] + (["[OPTIONS]"] if options else [])
    yield f"## {name}"
    yield ""
    yield f"`{' '.join([name, *words])}`"
    yield ""
    yield " ".join(command.help.split())
    if given or options:
        yield ""
        yield "| | default | |"
        yield "| --- | --- | --- |"
    for each in (*given, *options):
        assert each.help, f"{name}: {each.opts[0]} needs a help text"
        default = (
            each.default
            if isinstance(each.default, str | int | float) and not isinstance(each.default, bool)
            else ""
        )
        yield f"| {_option(each)} | {f'`{default}`' if default != '' else ''} | {_cell(each.help)} |".replace(
            "|  |", "| |"
        )


def _argument(parameter: Any) -> str:
    shown = _metavar(parameter) or parameter.name.upper()
    return f"{shown}…" if parameter.nargs == -1 else shown if parameter.required else f"[{shown}]"


def _option(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return f"`{_metavar(parameter) or parameter.name.upper()}`"
    value = "" if getattr(parameter, "is_flag", False) else f" {_metavar(parameter) or _value(parameter)}"
    return f"`{', '.join(parameter.opts)}{value}`".replace("|", "\\|")


def _metavar(parameter: Any) -> str:
    return str(getattr(parameter, "metavar", None) or "")


def _value(parameter: Any) -> str:
    return str(parameter.name).removesuffix("_").upper().replace("_", "-")


def qualifier_table() -> str:
    """Every qualifier of the query language, from the one table of `filters`."""
    lines = [
        "# Qualifiers",
        "",
        NOTE,
        "",
        "The words a [filter](filters.md) knows. `-` before one negates it; a comma between values is OR. What the last column names beyond the",
        "list of items is fetched only for items whose answer turns on it.",
        "",
        "| qualifier | value | meaning | example | decided by |",
        "| --- | --- | --- | --- | --- |",
        *(_row(row) for row in (*ROWS, FIELD)),
    ]
    for row in (*ROWS, FIELD):
        choices = row.kind.choices
        if choices:
            lines += ["", f"## `{row.name}:`", "", "| value | meaning |", "| --- | --- |"]
            lines += [f"| `{value}` | {_cell(meaning)} |" for value, meaning in choices.items()]
    return "\n".join([*lines, ""])


def prices_page() -> str:
    """What models cost, from the one table of `bot.agents`."""
    lines = [
        "# Prices of models",
        "",
        NOTE,
        "",
        f"List prices as of **{AS_OF}**, in USD per million tokens. Sessions are metered with them as their answers pass the model proxy; a",
        "model that is not here is refused where a budget applies. Prices change: compare the provider's page and set your own rows, which",
        'win over these, in [`ROUNDSMAN_PRICES`](settings.md#agents-and-models): `{"model": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}}`.',
        "",
        "| model | input | output | read from cache | written to cache | long prompts |",
        "| --- | --- | --- | --- | --- | --- |",
        *(f"| `{name}` | {_price(name)} |".replace("|  |", "| |").replace("|  |", "| |") for name in LIST),
        "",
        "Names with a date (`…-20260115`) or a provider (`anthropic/…`) cost what the plain name costs. A cache kept for an hour costs twice",
        "the fresh rate.",
        "",
        "| short name | stands for |",
        "| --- | --- |",
        *(f"| `{short}` | `{name}` |" for short, name in ALIASES.items()),
    ]
    return "\n".join([*lines, ""])


def _price(name: str) -> str:
    price = LIST[name]
    kept = [price.tokens_in, price.tokens_out, price.cache_read, price.cache_write]
    long = price.long_from
    more = f"over {long:,} tokens: {price.long_in:g} / {price.long_out:g}" if long is not None else ""
    return " | ".join([*("" if rate is None else f"{rate:g}" for rate in kept), more])


def _row(row: Qualifier) -> str:
    also = "".join(f", `{alias}:`" for alias in row.aliases)
    name = f"`{row.name}NAME:`" if row.name.endswith(".") else f"`{row.name}:`"
    facets = row.facets.union(*row.choice_facets.values())
    value = f"[one of these](#{row.name})" if row.kind.choices else row.kind.name
    needs = "" if row.modifier else ", ".join(words for facet, words in FACETS.items() if facet in facets)
    return f"| {name}{also} | {value} | {_cell(row.help)} | `{row.example}` | {needs} |".replace(
        "|  |", "| |"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "api.md": lambda: api_page(NOTE),
    "qualifiers.md": qualifier_table,
    "prices.md": prices_page,
    "commands.md": commands.docs.reference,
    "job-reference.md": reference,
}
