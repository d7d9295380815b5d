"""`roundsman filter`: check, match, explain, plan, describe and complete queries; a QUERY of `-` reads one a line."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

import filters
from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.item_files import read_items, read_teams
from bot.flow.clock import SystemClock

filter_ = typer.Typer(help="GitHub's search language: check, match, explain, plan.", no_args_is_help=True)

# A query may begin with a minus sign: what is no option of ours is an argument.
DASHES = {"ignore_unknown_options": True}
QueryText = Annotated[
    str, typer.Argument(metavar="QUERY", help="A query in quotes; - reads one a line from standard input.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data alone, one JSON document a query.")]
Items = Annotated[
    str, typer.Option("--items", metavar="FILE", help="REST issues: a JSON array or JSON Lines.")
]
Now = Annotated[
    str | None, typer.Option("--now", metavar="ISO", help="The moment to judge at. Default: now.")
]
Me = Annotated[str | None, typer.Option("--me", metavar="LOGIN", help="Who @me is.")]
Teams = Annotated[str | None, typer.Option("--teams", metavar="FILE", help='{"org/team": ["login"]}')]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is printed for one query: data for machines, text for people, and whether it went well."""

    data: Any
    text: str
    good: bool = True


@filter_.command("check", context_settings=DASHES)
def check(query: QueryText, as_json: AsJson = False) -> None:
    """Tell every fault of a query; exit code 1 if it has any."""

    def one(text: str) -> Answer:
        found = filters.check(text)
        faults = [each for each in found if each.severity == "error"]
        shown = filters.carets(text, found) if found else "no faults"
        return Answer(_refusal(faults) if faults else {"ok": True, "diagnostics": []}, shown, not faults)

    _answer(query, as_json, one, "filter check")


@filter_.command("match", context_settings=DASHES)
def match(
    query: QueryText,
    items: Items,
    now: Now = None,
    me: Me = None,
    teams: Teams = None,
    as_json: AsJson = False,
) -> None:
    """Print the numbers of the items that match, and of those that cannot be judged, in result order."""
    _stdin_once(query, items)
    rows, moment, rosters = read_items(items), _moment(now), read_teams(teams)

    def one(text: str) -> Answer:
        matcher = filters.compile(text, now=moment, me=me, teams=rosters)
        yes, maybe = matcher.sift(rows)
        matched = [item.get("number") for item in matcher.order(yes)]
        unknown = [(item.get("number"), item) for item in matcher.order(maybe)]
        lines = [str(number) for number in matched]
        lines += [
            f"{number} unknown: needs {', '.join(sorted(matcher.needs(item)))}" for number, item in unknown
        ]
        return Answer(
            {"matched": matched, "unknown": [number for number, _ in unknown]},
            "\n".join(lines) or "no item matches",
        )

    _answer(query, as_json, one, "filter match")


@filter_.command("explain", context_settings=DASHES)
def explain(
    query: QueryText,
    items: Items,
    number: Annotated[int, typer.Option("--number", metavar="N", help="The item to explain.")],
    now: Now = None,
    me: Me = None,
    teams: Teams = None,
    as_json: AsJson = False,
) -> None:
    """Say which terms let an item in, keep it out, or cannot be answered."""
    _stdin_once(query, items)
    found = next((item for item in read_items(items) if item.get("number") == number), None)
    if found is None:
        raise wrong_usage(f"{items} has no item {number}", "give --number one of its numbers")
    moment, rosters = _moment(now), read_teams(teams)

    def one(text: str) -> Answer:
        told = filters.explain(filters.compile(text, now=moment, me=me, teams=rosters), found)
        terms = [
            {
                "start": each.start,
                "end": each.end,
                "text": each.text,
                "verdict": each.verdict,
                "words": each.words,
            }
            for each in told.reasons
        ]
        data = {
            "number": number,
            "verdict": told.verdict,
            "terms": terms,
            "needs": sorted(told.needs),
            "words": str(told),
        }
        return Answer(data, f"#{number} {told}")

    _answer(query, as_json, one, "filter explain")


@filter_.command("plan", context_settings=DASHES)
def plan(
    query: QueryText,
    repository: Annotated[str, typer.Option("--repo", metavar="OWNER/REPO", help="The repository to ask.")],
    target: Annotated[
        str | None, typer.Option("--target", metavar="issues|prs", help="What a job works on.")
    ] = None,
    now: Now = None,
    me: Me = None,
    teams: Teams = None,
    as_json: AsJson = False,
) -> None:
    """Show the requests the query would make, and what would be checked on what they return."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise wrong_usage(f"--repo is no repository: {repository[:60]!r}", "write OWNER/REPO")
    if target not in (None, "issues", "prs"):
        raise wrong_usage(f"--target is {target[:20]!r}", "write issues or prs")
    moment, rosters = _moment(now), read_teams(teams)

    def one(text: str) -> Answer:
        made = filters.plan(text, repository=repository, now=moment, me=me, teams=rosters, target=target)  # type: ignore[arg-type]
        return Answer(_plan_data(made), _plan_text(made))

    _answer(query, as_json, one, "filter plan")


def _plan_data(made: filters.Plan) -> dict[str, Any]:
    return {
        "calls": [_call_data(call) for call in made.calls],
        "lookups": [_call_data(call) for call in made.lookups],
        "residual": made.residual.text,
        "enrich": list(made.enrich),
        "estimate": dict(made.estimate),
        "exact": made.exact,
        "in_order": made.in_order,
        "source": made.source,
        "why": list(made.why),
    }


def _call_data(call: filters.Call) -> dict[str, Any]:
    stop = call.stop and {
        "field": call.stop.field,
        "direction": call.stop.direction,
        "bound": call.stop.bound,
    }
    return {
        "kind": call.kind, "method": call.method, "path": call.path, "params": dict(call.params),
        "paginate": call.paginate, "stop": stop,
    }  # fmt: skip


def _plan_text(made: filters.Plan) -> str:
    lines = [
        f"{call.method} {call.path}?{'&'.join(f'{key}={value}' for key, value in call.params)}"
        for call in made.calls
    ]
    lines = lines or ["no request"]
    if made.residual.text and not made.exact:
        lines.append(f"then check: {made.residual.text}")
    if made.enrich:
        lines.append(f"then ask, for those still unknown: {', '.join(made.enrich)}")
    costs = [f"{count} of the {bucket} allowance" for bucket, count in made.estimate.items() if count]
    return "\n".join(
        [*lines, f"requests, about: {', '.join(costs) or 'none'}", *(f"because {why}" for why in made.why)]
    )


@filter_.command("describe", context_settings=DASHES)
def describe(query: QueryText, as_json: AsJson = False) -> None:
    """Say in words what a query asks for."""

    def one(text: str) -> Answer:
        words = filters.describe(text)
        return Answer({"description": words}, words)

    _answer(query, as_json, one, "filter describe")


@filter_.command("complete", context_settings=DASHES)
def complete(
    query: QueryText,
    cursor: Annotated[
        int | None, typer.Option("--cursor", metavar="N", help="Where, in characters. Default: the end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Offer what may stand at the cursor."""

    def one(text: str) -> Answer:
        offers = filters.complete(text, cursor)
        data = [
            {"start": each.start, "end": each.end, "text": each.text, "help": each.help} for each in offers
        ]
        return Answer(data, "\n".join(f"{each.text:24} {each.help}".rstrip() for each in offers))

    _answer(query, as_json, one, "filter complete")


def _answer(query: str, as_json: bool, one: Callable[[str], Answer], command: str) -> None:
    """Answer the query, or each line of standard input; one refused query makes the exit code 1."""
    if query != "-":
        answer = _guarded(query, one)
        _print(answer, as_json)
        if not answer.good:
            count = len(answer.data["diagnostics"])
            first = answer.data["diagnostics"][0]
            said = f"the query has {count} fault{'s' if count > 1 else ''}: {first['message']} at column {first['start'] + 1}"
            raise ended_badly(_printable(said), _printable(first["hint"]) or "mend it")
        return
    answers = [_streamed(text, one, as_json) for text in _stdin_lines()]
    if not all(answers):
        raise ended_badly(
            f"{answers.count(False)} of {len(answers)} queries have faults", f"see what {command} printed"
        )


def _streamed(text: str, one: Callable[[str], Answer], as_json: bool) -> bool:
    answer = _guarded(text, one)
    _print(answer, as_json)
    return answer.good


def _guarded(text: str, one: Callable[[str], Answer]) -> Answer:
    try:
        return one(text)
    except filters.QueryError as refused:
        faults = list(refused.diagnostics)
        return Answer(_refusal(faults), filters.carets(text, faults), False)


def _refusal(faults: list[filters.Diagnostic]) -> dict[str, Any]:
    keys = ("start", "end", "code", "message", "hint")
    return {"ok": False, "diagnostics": [{key: getattr(fault, key) for key in keys} for fault in faults]}


def _print(answer: Answer, as_json: bool) -> None:
    sys.stdout.write((json.dumps(answer.data) if as_json else _printable(answer.text)) + "\n")
    sys.stdout.flush()


def _printable(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _stdin_lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "surrogateescape").rstrip("\r\n")


def _stdin_once(query: str, items: str) -> None:
    if query == "-" and items == "-":
        raise wrong_usage("queries and items cannot both come from standard input", "give --items a file")


def _moment(written: str | None) -> datetime:
    if written is None:
        return SystemClock().now()
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise wrong_usage(
            f"--now is no instant: {written[:40]!r}", "write it like 2026-11-23T09:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
