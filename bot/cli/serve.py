"""`roundsman serve`, `worker` and `tick`: the service, a further worker, one pass and exit."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
import uvloop

from bot import logs
from bot.app import Roundsman
from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.opening import roundsman_of, settings_of
from bot.settings import Settings
from bot.store.due import look_back
from bot.web.wire import Wire

PAGES_END = 3
"""Seconds open pages get to end when the service stops."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    jobs: Annotated[
        Path | None,
        typer.Option(
            "--jobs", metavar="FILE", help="Jobs of several repositories, read again when it changes."
        ),
    ] = None,
    local: Annotated[
        bool | None, typer.Option("--local", help="Single user, without sign-in; loopback only.")
    ] = None,
) -> None:
    """Run the service: dashboard, API, webhooks and a worker."""
    settings = settings_of(host=host, port=port, local=local, jobs_file=jobs)
    logs.set_up(settings)
    place = _listen(settings)
    settings = settings.model_copy(update={"port": place.getsockname()[1]})  # 0 has become a free one
    program = roundsman_of(settings)
    typer.echo(f"roundsman: open {program.front_door()}", err=True)
    _end(uvloop.run(serve_until_stopped(program, place)))


def _listen(settings: Settings) -> socket.socket:
    """Take the address before anything begins."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        place = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
        # Connections take this over; without it an answer's second part waits 40 ms for the first one's receipt.
        place.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return place
    except OSError as error:
        raise wrong_usage(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}",
            "choose another ROUNDSMAN_HOST or ROUNDSMAN_PORT",
        ) from None


class _Pages(uvicorn.Server):
    """The web server; signals are ours, so that stopping it does not end the process under its sessions."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._over = asyncio.Event()

    def end(self) -> None:
        """Stop soon."""
        self.should_exit = True
        self._over.set()

    async def main_loop(self) -> None:
        """Go on until the end, turning the date of the answers each second; uvicorn itself looks ten times as often."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 1.0)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def serve_until_stopped(program: Roundsman, place: socket.socket) -> bool:
    """Serve pages and work until a signal; sessions get the grace to end. False where it ended by itself."""
    stop = _stop_signals()
    await program.start()
    link = await program.setup_link()
    if link is not None:
        typer.echo(f"roundsman: set the GitHub App up at {link}", err=True)
    config = uvicorn.Config(
        program.web(),
        http=Wire,
        log_level="warning",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=PAGES_END,
    )
    pages = _Pages(config)
    serving = asyncio.create_task(pages.serve([place]))
    try:
        return await _until(stop, program.worker.lost, serving)
    finally:
        pages.end()
        await asyncio.gather(serving, return_exceptions=True)
        await program.stop()


def worker() -> None:
    """Run a further worker beside `serve`; needs PostgreSQL (`ROUNDSMAN_DATABASE_URL`)."""
    settings = settings_of()
    if not settings.database.startswith("postgres"):
        raise wrong_usage(
            "a further worker needs a database that machines can share",
            "set ROUNDSMAN_DATABASE_URL to postgresql://…",
        )
    logs.set_up(settings)
    _end(asyncio.run(work_until_stopped(roundsman_of(settings))))


async def work_until_stopped(program: Roundsman) -> bool:
    """Work until a signal; False where it ended by itself."""
    stop = _stop_signals()
    await program.start()
    try:
        return await _until(stop, program.worker.lost)
    finally:
        await program.stop()


def _stop_signals() -> asyncio.Event:
    """Set by SIGINT and SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    return stop


async def _until(stop: asyncio.Event, lost: asyncio.Event, *more: asyncio.Task[None]) -> bool:
    """Wait for whichever comes first; True where somebody asked us to stop."""
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(lost.wait())]
    await asyncio.wait([*waits, *more], return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return stop.is_set()


def _end(asked: bool) -> None:
    if not asked:
        raise ended_badly("the service ended by itself", "read the log and start it again")


def tick(
    back: Annotated[
        int, typer.Option(min=1, max=1440, help="Minutes to look back where nothing is known of a last tick.")
    ] = 10,
    notes: Annotated[
        bool,
        typer.Option(
            "--notes/--no-notes",
            help="Keep what was dealt with in a hidden note of the repository's dashboard issue, opened where need be.",
        ),
    ] = True,
) -> None:
    """Fire what has become due since the last tick, wait for it and exit; safe to start twice at once.

    Where no disk survives between two ticks, set ROUNDSMAN_SECRET_KEY: the notes in our own comments, signed with it,
    say what was dealt with.
    """
    settings = settings_of()
    logs.set_up(settings)
    asyncio.run(tick_once(roundsman_of(settings, recalls=True), timedelta(minutes=back), notes=notes))


async def tick_once(program: Roundsman, back: timedelta, *, notes: bool = True) -> None:
    """One pass: read the configuration, fire, wait until nothing more can go on by itself."""
    born = program.clock.now()
    worker = program.worker
    worker.punctual, worker.fires = max(back, worker.punctual), False
    await program.start()
    try:
        await program.poll_configuration()
        for name, faults in (await program.faulty()).items():
            for fault in faults:
                typer.echo(f"roundsman: {name}: {fault}; the last good jobs run until it is mended", err=True)
        if notes:
            await program.keeper.recall()
        await program.database.write(look_back, born - back, born)
        if notes:
            await program.keeper.foretell()
        worker.fires = True
        await worker.busy()
        worker.fires = False  # what becomes due from now on is the next tick's
        while await worker.busy():
            worker.nudge()
        if notes:
            await program.keeper.keep()
        await program.post.flush()
    finally:
        await program.stop()
