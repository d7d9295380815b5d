"""What of a well-formed job cannot work here: its filter, command, zone of time, neighbours and the operator's limits.

The same review serves the file, the API and the form.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches

import filters
from bot.flow.ceilings import Ceilings, above
from bot.flow.schedule import Schedule
from bot.model.context import DatabaseContext, FileContext, GithubContext, HttpContext, LinearContext
from bot.model.fault import Objection, Where
from bot.model.job import JobSpec
from bot.model.schedule import After, At
from commands.catalog import Catalog
from commands.faults import CommandError
from commands.faults import Fault as CommandFault
from commands.template import Command, check, inline


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a job is reviewed against; what is None is not known and not judged."""

    now: datetime | None = None
    repository: str | None = None
    ceilings: Ceilings = field(default_factory=Ceilings)
    catalog: Catalog | None = None
    channels: Collection[str] | None = None
    mcp_servers: Collection[str] | None = None
    databases: Collection[str] | None = None
    hosts: Collection[str] | None = None
    jobs: Collection[str] | None = None
    lone: bool = False
    """The file is read by itself: commands and jobs it names may exist elsewhere, so not to know them is a warning."""
    default_engine: str = "claude"
    default_model: str | None = None


def review(spec: JobSpec, around: Surroundings) -> tuple[Objection, ...]:
    """Return everything that keeps a job from working, and warnings about what may not be meant."""
    return (
        *_filters(spec, around),
        *_commands(spec, around),
        *_times(spec, around),
        *_neighbours(spec, around),
        *_operator(spec, around),
        *above(spec, around.ceilings, around.default_engine, around.default_model, _command(spec, around)),
    )


def _filters(spec: JobSpec, around: Surroundings) -> Iterator[Objection]:
    if spec.filter is not None and spec.has_items:
        yield from _query(("filter",), spec.filter, around)
    if spec.gate is not None:
        yield from _query(("gate", "skip_if", "filter"), spec.gate.skip_if.filter, around)


def _query(where: Where, text: str, around: Surroundings) -> Iterator[Objection]:
    for found in filters.check(text):
        yield Objection(where, f"{found.message} at column {found.start + 1}", found.hint, found.severity)
    try:
        query = filters.parse(text)
    except filters.QueryError:
        return
    if not filters.names_state(query):
        yield Objection(
            where,
            "the filter names no state, so closed items match too",
            "add is:open or is:closed",
            "warning",
        )
    if around.repository is not None:
        yield from _strangers(where, query, around.repository)


def _strangers(where: Where, query: filters.Query, repository: str) -> Iterator[Objection]:
    """Refuse `repo:`, `org:` and `user:` outside the job's own repository; excluding others is harmless."""
    owner = repository.partition("/")[0]
    own = {"repo": repository, "org": owner, "user": owner, "owner": owner}
    for term in _wanted(query.root):
        if term.name not in own:
            continue
        for value in term.values:
            if value.text.casefold() != own[term.name].casefold():
                yield Objection(
                    where,
                    f"{term.name}:{value.text} lies outside {repository}",
                    "a job works on its own repository; remove it",
                )


def _wanted(node: filters.Node) -> Iterator[filters.Term]:
    """Yield the terms that are not denied."""
    match node:
        case filters.Term():
            yield node
        case filters.And() | filters.Or():
            for child in node.children:
                yield from _wanted(child)
        case filters.Not() | filters.Text():
            pass


def _commands(spec: JobSpec, around: Surroundings) -> Iterator[Objection]:
    if spec.prompt is not None:
        for fault in check(inline(spec.prompt), spec.variables, spec.target):
            yield _of_command(("prompt",), fault)
    if spec.command is None or around.catalog is None:
        return
    try:
        command = around.catalog.get(spec.command)
    except CommandError as error:
        for fault in error.faults:
            elsewhere = around.lone and fault.code == "unknown"
            yield Objection(("command",), fault.message, fault.hint, "warning" if elsewhere else "error")
        return
    yield from _fits(command, spec)


def _command(spec: JobSpec, around: Surroundings) -> Command | None:
    """The job's command, where it is known and sound."""
    if spec.command is None or around.catalog is None:
        return None
    try:
        return around.catalog.get(spec.command)
    except CommandError:
        return None


def _fits(command: Command, spec: JobSpec) -> Iterator[Objection]:
    if command.target is not None and command.target != spec.target:
        yield Objection(
            ("command",),
            f"{command.name} works on {command.target}, the job on {spec.target}",
            f"write target: {command.target}",
        )
        return
    try:
        command.values(spec.variables)
    except CommandError as error:
        for fault in error.faults:
            yield _of_command(("variables",), fault)
    for fault in check(command, spec.variables, spec.target):
        yield Objection(("command",), f"{command.name} line {fault.line}: {fault.message}", fault.hint)


def _of_command(where: Where, fault: CommandFault) -> Objection:
    place = f" (line {fault.line})" if fault.line > 1 else ""
    return Objection(where, fault.message + place, fault.hint)


def _times(spec: JobSpec, around: Surroundings) -> Iterator[Objection]:
    if around.now is None:
        return
    for place, trigger in enumerate(spec.on):
        alone = Schedule((trigger,), spec.timezone)
        if isinstance(trigger, At) and alone.next_after(around.now) is None:
            yield Objection(("on", place, "at"), "the instant is past", "choose one to come")
    schedule = Schedule(spec.on, spec.timezone, anchor=around.now.astimezone(UTC), expires=spec.expires)
    unexpired = Schedule(spec.on, spec.timezone, anchor=around.now.astimezone(UTC))
    if (
        spec.expires is not None
        and schedule.next_after(around.now) is None
        and unexpired.next_after(around.now)
    ):
        yield Objection(
            ("expires",), "the job expires before it ever fires", "choose a later day, or remove it"
        )


def _neighbours(spec: JobSpec, around: Surroundings) -> Iterator[Objection]:
    for place, trigger in enumerate(spec.on):
        if isinstance(trigger, After) and around.jobs is not None:
            for found in _known(("on", place, "after"), trigger.after.job, around.jobs, "job"):
                yield replace(found, severity="warning") if around.lone else found


def _operator(spec: JobSpec, around: Surroundings) -> Iterator[Objection]:
    for place, notice in enumerate(spec.notify):
        yield from _known(("notify", place, "to"), notice.to, around.channels, "channel")
    for place, server in enumerate(spec.agent.mcp):
        yield from _known(("agent", "mcp", place), server, around.mcp_servers, "MCP server")
    for place, source in enumerate(spec.context):
        match source:
            case DatabaseContext():
                yield from _known(
                    ("context", place, "database"), source.database, around.databases, "database"
                )
            case HttpContext():
                yield from _known(("context", place, "http"), _host(source.http), around.hosts, "host")
            case GithubContext() if not spec.has_items and source.github not in ("commits", "checks"):
                yield Objection(
                    ("context", place, "github"), f"target {spec.target} has no {source.github}", "remove it"
                )
            case GithubContext() | FileContext() | LinearContext():
                pass


def _host(url: str) -> str:
    return url.split("//", 1)[-1].partition("/")[0].partition(":")[0].lower()


def _known(where: Where, name: str, known: Collection[str] | None, kind: str) -> Iterator[Objection]:
    if known is None or name in known:
        return
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
    yield Objection(where, f"unknown {kind} {name[:60]!r}", hint)
