"""`roundsman tokens`: tokens for machines, as Prometheus and scripts; who has the database is the operator."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from bot.cli.client import BY, AsJson, opened, repository_named
from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.telling import as_json, columns, when
from bot.flow.clock import SystemClock
from bot.store import audit
from bot.store import tokens as stored
from bot.store.database import Db
from bot.store.tokens import SCOPES, MachineToken, Scope

tokens = typer.Typer(help="Tokens for machines.", no_args_is_help=True)


@tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="see, run, edit or operate; several times for several. `see` when left out.")] = None,
    repository: Annotated[list[str] | None, typer.Option(metavar="OWNER/REPO", help="A repository it is for, several times for several; all when left out.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="After so many days it ends; never when left out.")] = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Make a token and print its text, which is shown this once."""
    wanted = [_scope(word) for word in scope or ["see"]]
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise wrong_usage("a token's name has 1 to 100 printable characters", "choose another")
    now = SystemClock().now()
    ends = now + timedelta(days=days) if days else None
    with opened() as database:
        names = [repository_named(database, each).full_name for each in repository] if repository else None

        def work(db: Db) -> tuple[MachineToken, str]:
            made = stored.create(db, name, wanted, names, by=BY, now=now, expires_at=ends)
            audit.note(db, BY, "token.created", name, now, detail={"scopes": list(wanted)})
            return made

        token, text = database.write_now(work)
    if json:
        as_json(token.model_dump(mode="json") | {"token": text})
    else:
        typer.echo(text)


@tokens.command("list")
def list_(json: AsJson = False) -> None:
    """List the tokens that live, without their text."""
    with opened() as database:
        found = database.read_now(stored.every)
    if json:
        as_json([token.model_dump(mode="json") for token in found])
        return
    rows = [
        (token.id, token.name, " ".join(token.scopes), " ".join(token.repositories or ("all",)), token.created_by,
         when(token.last_used_at), when(token.expires_at))
        for token in found
    ]  # fmt: skip
    head = ("token", "name", "scopes", "repositories", "made by", "last used", "ends")
    columns(head, rows, "no tokens; make one with `roundsman tokens create NAME`")


@tokens.command("revoke")
def revoke(
    token: Annotated[int, typer.Argument(metavar="TOKEN", min=1, max=2**31 - 1, help="The token's number.")],
) -> None:
    """End a token."""
    now = SystemClock().now()
    with opened() as database:

        def work(db: Db) -> bool:
            ended = stored.revoke(db, token, now)
            if ended:
                audit.note(db, BY, "token.revoked", f"token {token}", now)
            return ended

        if not database.write_now(work):
            raise ended_badly(f"no token {token} lives", "see `roundsman tokens list`")
    typer.echo(f"token {token} is revoked")


def _scope(word: str) -> Scope:
    for known in SCOPES:
        if word == known:
            return known
    raise wrong_usage(f"no scope {word!r}", f"use {', '.join(SCOPES[:-1])} or {SCOPES[-1]}")
