"""`roundsman cron`: when a cron line fires."""

import json
from datetime import datetime
from typing import Annotated

import pytz
import typer

from bot.cli.ends import wrong_usage
from bot.flow.clock import SystemClock
from bot.flow.describe import describe_cron
from bot.flow.schedule import next_fires
from bot.flow.zone import at_wall, local
from bot.model.cron import CronError, parse_cron
from bot.model.schedule import Cron, nearest_zone

cron = typer.Typer(help="When a cron line fires.", no_args_is_help=True)


@cron.command("next")
def cron_next(
    expression: Annotated[
        str, typer.Argument(metavar="EXPR", help='A cron line in quotes, like "0 9 * * 1-5".')
    ],
    zone: Annotated[str, typer.Option("--tz", metavar="ZONE", help="An IANA time zone.")] = "UTC",
    since: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="ISO", help="After this instant; without an offset in the zone. Default: now."
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many.")] = 5,
    job: Annotated[
        str, typer.Option("--job", help="The job whose spread `H` takes, as OWNER/REPO:NAME.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A list of ISO 8601 instants.")] = False,
) -> None:
    """Print the next instants at which EXPR fires, strictly after --from. Wrong expressions and zones exit with 2."""
    if zone not in pytz.all_timezones_set:
        raise wrong_usage(f"unknown time zone {zone[:60]!r}", nearest_zone(zone))
    try:
        parse_cron(expression, job)
    except CronError as fault:
        raise wrong_usage(fault.message, fault.hint) from None
    fires = next_fires(
        [Cron.model_construct(schedule=expression)], zone, _instant(since, zone), count, identity=job
    )
    if as_json:
        typer.echo(json.dumps([fire.isoformat() for fire in fires]))
        return
    typer.echo(f"{describe_cron(expression, identity=job)} ({zone})")
    for fire in fires:
        typer.echo(f"  {fire:%a} {fire.isoformat()}")


def _instant(written: str | None, zone: str) -> datetime:
    if written is None:
        return SystemClock().now()
    try:
        instant = datetime.fromisoformat(written)
        return local(zone, instant) if instant.tzinfo else at_wall(zone, instant)
    except (ValueError, OverflowError):
        raise wrong_usage(
            f"--from is no instant: {written[:40]!r}", "write it like 2026-11-23T09:00 or with an offset"
        ) from None
