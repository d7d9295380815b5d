"""`roundsman commands`: list, show, check and render them; a checkout's own are read from its `.github/roundsman/commands`."""

import json
import secrets
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.item_files import read_items
from bot.flow.brief import item_variables
from bot.flow.clock import SystemClock
from bot.model.item import Item
from bot.ports import Gathered
from commands.catalog import Catalog
from commands.faults import CommandError, Fault
from commands.names import TARGETS
from commands.template import Command, check, render, time_variables

commands = typer.Typer(help="Commands: list, show, check, render.", no_args_is_help=True)

OWN = Path(".github/roundsman/commands")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `issue/root-cause`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print data alone.")]
Own = Annotated[
    Path | None,
    typer.Option(
        "--own", metavar="DIR", help=f"A repository's own commands. Default: {OWN} here, if there is one."
    ),
]


@commands.command("list")
def list_(
    target: Annotated[
        str | None, typer.Option("--target", metavar="|".join(TARGETS), help="Only those for this.")
    ] = None,
    own: Own = None,
    as_json: AsJson = False,
) -> None:
    """List every command with what it is for."""
    if target is not None and target not in TARGETS:
        raise wrong_usage(f"--target is {target[:20]!r}", f"write one of {', '.join(TARGETS)}")
    catalog = _catalog(own)
    found = [command for command in catalog.commands() if target in (None, command.target)]
    broken = {name: faults for name, faults in catalog.faults().items() if target is None}
    if as_json:
        rows = [_brief(command) | {"faults": _told(broken.get(command.name, []))} for command in found]
        unreadable = sorted(set(broken) - {command.name for command in found})
        rows += [{"name": name, "faults": _told(broken[name])} for name in unreadable]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    width = max(len(command.name) for command in found) if found else 0
    for command in found:
        typer.echo(
            f"{command.name:{width}}  {command.target or '':8}  {command.description or command.title}"
        )
    for name, faults in broken.items():
        typer.echo(f"roundsman: {name}: {'; '.join(map(str, faults))}", err=True)


@commands.command("show")
def show(name: Name, own: Own = None, as_json: AsJson = False) -> None:
    """Show a command with all it inherits: its keys, its inputs and its template or program."""
    catalog = _catalog(own)
    command = _found(catalog, name)
    text = catalog.script(command) if command.is_script else "\n".join(command.bodies)
    if as_json:
        whole = _brief(command) | {"keys": _keys(command), "text": text, "faults": _told(check(command))}
        typer.echo(json.dumps(whole, ensure_ascii=False))
        return
    typer.echo(f"{command.name} ({command.source}): {command.title}\n{command.description}\n")
    for key, value in _keys(command).items():
        typer.echo(f"{key:16} {value if isinstance(value, str) else json.dumps(value)}")
    for given, declared in command.inputs.items():
        default = "required" if declared.required else f"default {json.dumps(declared.default)}"
        typer.echo(f"input {given:10} {declared.description} ({default})")
    typer.echo(f"\n{text.strip()}")


@commands.command("check")
def check_(own: Own = None, as_json: AsJson = False) -> None:
    """Tell every fault of a repository's own commands; exit code 1 if there is any."""
    broken = _catalog(own or OWN).faults()
    if as_json:
        typer.echo(json.dumps({name: _told(faults) for name, faults in broken.items()}, ensure_ascii=False))
    for name, faults in broken.items():
        for fault in faults:
            typer.echo(f"{name}: {fault}", err=as_json)
    if broken:
        raise ended_badly(f"{len(broken)} commands have faults", "mend them as told")
    if not as_json:
        typer.echo("no faults")


@commands.command("render")
def render_(
    name: Name,
    item: Annotated[
        str | None, typer.Option("--item", metavar="FILE", help="A REST issue or pull request; - is stdin.")
    ] = None,
    number: Annotated[int | None, typer.Option("--number", metavar="N", help="Which one of FILE.")] = None,
    repository: Annotated[
        str, typer.Option("--repo", metavar="OWNER/REPO", help="Default: the item's own.")
    ] = "",
    given: Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable of the job.")
    ] = None,
    zone: Annotated[str, typer.Option("--tz", metavar="ZONE", help="The job's time zone.")] = "UTC",
    own: Own = None,
    as_json: AsJson = False,
) -> None:
    """Print the prompt a session would get for an item, without what costs requests (diff, comments)."""
    command = _found(_catalog(own), name)
    if command.is_script:
        raise wrong_usage(f"{name} runs a program and has no prompt", f"see roundsman commands show {name}")
    row = _row(command, item, number)
    values = dict(_pair(each) for each in given or ())
    try:
        prompt = render(command, _preview(command, row, repository, values, _zone(zone)))
    except CommandError as error:
        raise ended_badly(str(error), "mend the command or give --var") from None
    typer.echo(json.dumps({"name": name, "prompt": prompt}, ensure_ascii=False) if as_json else prompt)


def _preview(
    command: Command, row: dict[str, Any] | None, repository: str, values: dict[str, Any], zone: tzinfo
) -> dict[str, Any]:
    """What a session's templates would know, as far as it is known without a job and without requests."""
    return {
        **time_variables(SystemClock().now(), zone),
        "item": item_variables(Item.of(row), Gathered({}), secrets.token_hex(8)) if row else {},
        "repo": _repo(repository or _own_repository(row)),
        "job": {"name": "preview", "description": "", "target": command.target, "may": command.may or {}},
        "run": {"id": 0, "trigger": "manual", "scheduled_for": ""},
        "variables": values,
        "inputs": command.values(values),
    }


def _catalog(own: Path | None) -> Catalog:
    folder = own or (OWN if OWN.is_dir() else None)
    if folder is None:
        return Catalog()
    if not folder.is_dir():
        raise wrong_usage(f"there is no folder {folder}", "give --own a folder of commands")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".md", ".py") and path.is_file()]
    try:
        return Catalog({path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in files})
    except (OSError, ValueError) as fault:
        raise wrong_usage(f"a command in {folder} cannot be read: {fault}", "save it as UTF-8 text") from None


def _found(catalog: Catalog, name: str) -> Command:
    try:
        return catalog.get(name)
    except CommandError as error:
        raise wrong_usage(str(error), "mend it, or see roundsman commands list") from None


def _row(command: Command, path: str | None, number: int | None) -> dict[str, Any] | None:
    if command.target not in ("issues", "prs", None):
        return None
    if path is None:
        raise wrong_usage(f"{command.name} works on {command.target}", "give --item FILE")
    rows = [row for row in read_items(path) if number in (None, row.get("number"))]
    if len(rows) != 1:
        what = f"{path} has {len(rows)} items" if number is None else f"{path} has no item {number}"
        raise wrong_usage(what, "choose one by --number")
    row = rows[0]
    if not isinstance(row.get("number"), int):
        raise wrong_usage(f"{path} holds no REST issue", "give one as GitHub's API answers it")
    if command.target and ("pull_request" in row or "head" in row) != (command.target == "prs"):
        raise wrong_usage(
            f"{command.name} works on {command.target}, {path} is none of them", "give another item"
        )
    return row


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise wrong_usage(f"--var {text[:40]!r}", "write NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise wrong_usage(f"--tz knows no {name[:40]!r}", "write one like Europe/Zurich") from None


def _own_repository(row: dict[str, Any] | None) -> str:
    parts = str((row or {}).get("repository_url") or "").rsplit("/", 2)
    return "/".join(parts[1:]) if len(parts) == 3 else "owner/repository"


def _repo(full_name: str) -> dict[str, Any]:
    owner, slash, name = full_name.partition("/")
    if not (owner and slash and name):
        raise wrong_usage(f"--repo is no repository: {full_name[:60]!r}", "write OWNER/REPO")
    known = {"full_name": full_name, "owner": owner, "name": name, "default_branch": "main", "private": False}
    return known | {"url": f"https://github.com/{full_name}"}


def _brief(command: Command) -> dict[str, Any]:
    return {
        "name": command.name,
        "title": command.title,
        "description": command.description,
        "target": command.target,
        "source": command.source,
        "script": command.is_script,
        "inputs": {name: declared.model_dump() for name, declared in command.inputs.items()},
        "may": command.may or {},
    }


def _keys(command: Command) -> dict[str, Any]:
    shown = ("target", "engine", "model", "max_turns", "permission_mode", "allowed_tools", "may", "extends")
    values = {key: getattr(command, key) for key in shown}
    return {key: value for key, value in values.items() if value is not None}


def _told(faults: list[Fault]) -> list[dict[str, Any]]:
    return [
        {
            "code": fault.code,
            "message": fault.message,
            "line": fault.line,
            "column": fault.column,
            "hint": fault.hint,
        }
        for fault in faults
    ]
