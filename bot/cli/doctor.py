"""`roundsman doctor`: what works, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from bot.agents.build import findings
from bot.app import Roundsman
from bot.cli.ends import ended_badly
from bot.cli.opening import roundsman_of, settings_of
from bot.engine.checkup import Finding, Patient, examine, status_of


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="A list of findings: what, ok, words.")] = False,
) -> None:
    """Look at settings, GitHub App, webhook, database, clock, sandbox and agent programs; exit code 1 if one is ill."""
    settings = settings_of()
    program = roundsman_of(settings.model_copy(update={"slot": f"doctor-{id(settings):x}"}))
    found = asyncio.run(_examined(program))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found]))
    else:
        _show(found)
    ill = [finding for finding in found if not finding.ok]
    if ill:
        names = ", ".join(finding.what for finding in ill)
        raise ended_badly(f"{len(ill)} of {len(found)} need care: {names}", "do what stands beside each")


async def _examined(program: Roundsman) -> list[Finding]:
    patient = Patient(program.settings, program.database, program.clock, program.client, status_of)
    try:
        found = await examine(patient)
        agents = await findings(program.agents, program.settings.default_engine)
        return [*found, *(Finding(each.what, each.ok, each.words) for each in agents)]
    finally:
        await program.agents.close()
        await program.client.close()
        program.worker.liveness.let_go()
        program.database.close()


def _show(found: list[Finding]) -> None:
    console = Console()
    wide = max((len(finding.what) for finding in found), default=0)
    for finding in found:
        mark = "[green]ok[/]" if finding.ok else "[red]!![/]"
        console.print(f"{mark}  {finding.what:<{wide}}  ", end="", highlight=False)
        console.print(finding.words, highlight=False, markup=False, soft_wrap=True)
