"""`roundsman notify`: the channels the operator named, and a test message to one."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.opening import settings_of
from bot.notify.channels import Channels
from bot.notify.words import trial

notify = typer.Typer(no_args_is_help=True, help="Notification channels.")


def _channels() -> Channels:
    return Channels({name: url.get_secret_value() for name, url in settings_of().notify.items()})


@notify.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Name the channels jobs may use."""
    names = _channels().names
    typer.echo(json.dumps(names) if as_json else "\n".join(names) or "no channels; set ROUNDSMAN_NOTIFY")


@notify.command("test")
def test(channel: Annotated[str, typer.Argument(help="The channel's name.")]) -> None:
    """Send a test message to a channel."""
    settings, channels = settings_of(), _channels()
    if channel not in channels.names:
        known = f"the channels are {', '.join(channels.names)}" if channels.names else "set ROUNDSMAN_NOTIFY"
        raise wrong_usage(f"there is no channel {channel}", known)
    fault = asyncio.run(channels.send(channel, None, *trial(channel, settings.base_url, settings.language)))
    if fault is not None:
        raise ended_badly(f"the message did not leave: {fault.words}", "correct its URL in ROUNDSMAN_NOTIFY")
    typer.echo(f"a test message went to {channel}")
