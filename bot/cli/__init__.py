"""The command line of SPEC §10: one file a group of commands."""

import sys

import typer
from typer.exceptions import TyperException

from bot.cli.shelf import shelf

COMMANDS = {
    "demo": "bot.cli.demo:demo",
    "serve": "bot.cli.serve:serve",
    "worker": "bot.cli.serve:worker",
    "tick": "bot.cli.serve:tick",
    "run": "bot.cli.run:run",
    "jobs": "bot.cli.jobs:jobs",
    "runs": "bot.cli.runs:runs",
    "sessions": "bot.cli.runs:sessions",
    "stop": "bot.cli.runs:stop",
    "filter": "bot.cli.filter:filter_",
    "cron": "bot.cli.cron:cron",
    "commands": "bot.cli.commands:commands",
    "notify": "bot.cli.notify:notify",
    "tokens": "bot.cli.tokens:tokens",
    "schema": "bot.cli.schema:schema",
    "doctor": "bot.cli.doctor:doctor",
}
"""Where each command is, in the order of `roundsman --help`."""

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
