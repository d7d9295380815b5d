"""The command line of SPEC §10: one file a group of commands."""

import typer

from bot.cli.cron import cron
from bot.cli.filter import filter_

app = typer.Typer(
    name="roundsman", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def roundsman() -> None:
    """Make the rounds of your repositories."""


app.add_typer(cron, name="cron")
app.add_typer(filter_, name="filter")


def main() -> None:
    """Run the command line; exit codes are 0 done, 1 the work ended badly, 2 wrong usage."""
    app()
