"""The command line of SPEC §10: one file a group of commands."""

import sys

import typer
from typer.exceptions import TyperException

from bot.cli.shelf import Place, shelf

COMMANDS = {
    "demo": Place(
        "bot.cli.demo:demo", "Run everything here: embedded GitHub, bot and page. The job fires every minute."
    ),
    "serve": Place("bot.cli.serve:serve", "Run the service: dashboard, API, webhooks and a worker."),
    "worker": Place(
        "bot.cli.serve:worker",
        "Run a further worker beside `serve`; needs PostgreSQL (`ROUNDSMAN_DATABASE_URL`).",
    ),
    "tick": Place(
        "bot.cli.serve:tick",
        "Fire what has become due since the last tick, wait for it and exit; safe to start twice at once.",
    ),
    "run": Place(
        "bot.cli.run:run",
        "Run one job once: fetch what matches, work on what is new, report, and say how many.",
    ),
    "jobs": Place("bot.cli.jobs:jobs", "The jobs of repositories."),
    "runs": Place("bot.cli.runs:runs", "Runs: one firing of one job each."),
    "sessions": Place("bot.cli.runs:sessions", "Sessions: one agent at work on one item each."),
    "stop": Place("bot.cli.runs:stop", "Stop everything, or take a stop back."),
    "filter": Place("bot.cli.filter:filter_", "GitHub's search language: check, match, explain, plan."),
    "cron": Place("bot.cli.cron:cron", "When a cron line fires."),
    "commands": Place("bot.cli.commands:commands", "Commands: list, show, check, render."),
    "notify": Place("bot.cli.notify:notify", "Notification channels."),
    "tokens": Place("bot.cli.tokens:tokens", "Tokens for machines."),
    "schema": Place(
        "bot.cli.schema:schema", "Print the JSON Schema of roundsman.yml, for editors and checks."
    ),
    "doctor": Place(
        "bot.cli.doctor:doctor",
        "Look at settings, GitHub App, webhook, database, clock, sandbox and agent programs; exit code 1 if one is ill.",
    ),
}
"""Where each command is and what it does, in the order of `roundsman --help`."""

app = typer.Typer(
    name="roundsman",
    cls=shelf(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def roundsman() -> None:
    """Make the rounds of your repositories."""


def main() -> None:
    """Run the command line; exit codes are 0 done, 1 the work ended badly, 2 wrong usage.

    A wrong call is one line on standard error, like every other error.
    """
    try:
        code = app(prog_name="roundsman", standalone_mode=False)
    except TyperException as wrong:
        what = " ".join(wrong.format_message().split()).rstrip(".")
        if what:  # without arguments the help has been printed instead
            asked = getattr(getattr(wrong, "ctx", None), "command_path", "roundsman")
            typer.echo(f"roundsman: {what}; see {asked} --help", err=True)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
