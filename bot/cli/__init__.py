"""The command line of SPEC §10: one file a group of commands."""

import sys

import typer
from typer.exceptions import TyperException

from bot.cli.commands import commands
from bot.cli.cron import cron
from bot.cli.demo import demo
from bot.cli.doctor import doctor
from bot.cli.filter import filter_
from bot.cli.jobs_stored import jobs
from bot.cli.notify import notify
from bot.cli.run import run
from bot.cli.runs import runs, sessions, stop
from bot.cli.schema import schema
from bot.cli.serve import serve, tick, worker

app = typer.Typer(
    name="roundsman", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def roundsman() -> None:
    """Make the rounds of your repositories."""


app.add_typer(commands, name="commands")
app.add_typer(cron, name="cron")
app.add_typer(filter_, name="filter")
app.add_typer(jobs, name="jobs")
app.add_typer(notify, name="notify")
app.add_typer(runs, name="runs")
app.add_typer(sessions, name="sessions")
for command in (demo, serve, worker, tick, run, doctor):
    app.command(command.__name__)(command)
app.command("schema")(schema)
app.command("stop")(stop)


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
