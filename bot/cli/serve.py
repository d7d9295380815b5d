"""`roundsman serve`, `worker` and `tick`: the service, a further worker, one pass and exit."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Annotated

import typer
import uvicorn

from bot.app import Roundsman
from bot.cli.ends import wrong_usage
from bot.cli.opening import roundsman_of, settings_of


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    local: Annotated[
        bool | None, typer.Option("--local", help="Single user, without sign-in; loopback only.")
    ] = None,
) -> None:
    """Run the service: dashboard, API, webhooks and a worker."""
    settings = settings_of(host=host, port=port, local=local)
    program = roundsman_of(settings)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_until_stopped(program))


async def serve_until_stopped(program: Roundsman) -> None:
    """Serve pages and work until a signal; sessions get the grace to end."""
    await program.start()
    link = await program.setup_link()
    if link is not None:
        typer.echo(f"Set the GitHub App up at {link}", err=True)
    try:
        settings = program.settings
        config = uvicorn.Config(
            program.web(), host=settings.host, port=settings.port, log_level="warning", access_log=False
        )
        await uvicorn.Server(config).serve()
    finally:
        await program.stop()


def worker() -> None:
    """Run a further worker beside `serve`; needs PostgreSQL (`ROUNDSMAN_DATABASE_URL`)."""
    settings = settings_of()
    if not settings.database.startswith("postgres"):
        raise wrong_usage(
            "a further worker needs a database that machines can share",
            "set ROUNDSMAN_DATABASE_URL to postgresql://…",
        )
    program = roundsman_of(settings)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_work(program))


async def _work(program: Roundsman) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    await program.start()
    try:
        await stop.wait()
    finally:
        await program.stop()


def tick() -> None:
    """Fire what has become due since the last tick, wait for it and exit; safe to start twice at once."""
    asyncio.run(_tick(roundsman_of(settings_of())))


async def _tick(program: Roundsman) -> None:
    await program.start()
    try:
        await program.poll_configuration()
        program.worker.nudge()
        while await program.worker.busy():
            program.worker.nudge()
        await program.post.flush()
    finally:
        await program.stop()
