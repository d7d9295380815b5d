"""How a command ends other than well: one line on standard error that says what and what to do, and an exit code."""

import typer


def wrong_usage(what: str, do: str) -> typer.Exit:
    """Say what is wrong with the call; exit code 2."""
    return _ended(2, what, do)


def ended_badly(what: str, do: str) -> typer.Exit:
    """Say that the work ended badly; exit code 1."""
    return _ended(1, what, do)


def _ended(code: int, what: str, do: str) -> typer.Exit:
    line = " ".join(f"roundsman: {what}; {do}".split())
    typer.echo(line, err=True)
    return typer.Exit(code)
