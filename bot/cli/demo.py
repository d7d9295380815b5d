"""`roundsman demo`: the whole job on this machine, with an embedded GitHub; no account, no key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console

from bot.app import Roundsman
from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.opening import roundsman_of, settings_of
from bot.cli.run import CannotError, Result, finished, show
from bot.demo import GitHub
from bot.flow.clock import SystemClock
from bot.model.item import RepositoryRef
from bot.model.job import JobSpec
from bot.model.run import Trigger, TriggerKind
from bot.settings import Settings
from bot.store import jobs, repositories, runs

JOB = "find-duplicates"
PORTS = 8420


@dataclass
class Scene:
    """The embedded GitHub at its address, with the repository and the App that the demo uses."""

    github: GitHub
    repository: str
    app_id: int
    private_key: str
    url: str
    webhook_secret: str
    exported: bool = False
    token: str = ""


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="One fire of the demo's job, a summary, exit.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the page; the embedded GitHub takes the next one.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="A real export (REST issues, one a line) instead of the demo's own repository."
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            help="An empty PostgreSQL database (postgresql://…) instead of a SQLite file of its own.",
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the last demo's state.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: print the summary as JSON alone.")
    ] = False,
) -> None:
    """Run everything here: embedded GitHub, bot and page. The job fires every minute."""
    console = Console(stderr=as_json)
    if data is not None and not data.is_file():
        raise wrong_usage(
            f"--data {data}: there is no such file", "name a file of REST issues, one JSON object a line"
        )
    if fresh and database:
        raise wrong_usage(
            "--fresh does not empty a database you name", "give an empty one, and another data directory"
        )
    base = settings_of()
    folder = base.data_dir / ("demo" if data is None else f"demo-{data.stem}")
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    page, api = _doors(port)
    try:
        scene = _scene(folder, data, f"http://127.0.0.1:{_port(api)}", console)
    except (OSError, ValueError, KeyError) as error:
        raise ended_badly(
            f"the data cannot be loaded: {error}", "give an export of REST issues, or start over with --fresh"
        ) from None
    program = roundsman_of(_settings(base, folder, scene, _port(page), database))
    with contextlib.suppress(KeyboardInterrupt):
        try:
            result = asyncio.run(_play(program, scene, (page, api), console, once))
        except CannotError as error:
            raise ended_badly(error.what, error.do) from None
        if result is not None:
            show(result, as_json=as_json)
            if result.bad:
                raise ended_badly(result.bad, "start over with --fresh if it stays so")


def _doors(wanted: int | None) -> tuple[socket.socket, socket.socket]:
    """Open the wanted port and its neighbour, or the first free pair; nobody can take them from us afterwards."""
    for first in [wanted] if wanted else range(PORTS, PORTS + 200, 2):
        doors = [_door(port) for port in (first, first + 1)]
        if doors[0] and doors[1]:
            return doors[0], doors[1]
        for door in doors:
            if door:
                door.close()
    raise wrong_usage(f"port {wanted or PORTS} or the next is in use", "choose another with --port")


def _door(port: int) -> socket.socket | None:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
        door.listen(128)
    except OSError:
        door.close()
        return None
    return door


def _port(door: socket.socket) -> int:
    return int(door.getsockname()[1])


def _now() -> datetime:
    return SystemClock().now()


def _scene(folder: Path, data: Path | None, url: str, console: Console) -> Scene:
    """Open the embedded GitHub where it left off, or build its world."""
    github = GitHub(clock=_now, data_dir=folder / "github", url=url)
    note = folder / "scene.json"
    if note.is_file():
        kept: dict[str, Any] = json.loads(note.read_text())
        return Scene(github, url=url, **kept)
    console.print(
        "Building a small GitHub on this machine …" if data is None else f"Loading {data.name} …",
        highlight=False,
    )
    if data is None:
        from bot.demo.seed import seed

        repo = seed(github)
    else:
        repo = github.load_export(data)
    app = github.add_app("roundsman", webhook_secret="roundsman-demo")
    github.install(app, repo.full_name.partition("/")[0], [repo.full_name])
    kept = {
        "repository": repo.full_name, "app_id": app.id, "private_key": app.private_key, "webhook_secret": "roundsman-demo",
        "exported": data is not None, "token": github.personal_token("marta-oliveira") if data is None else "",
    }  # fmt: skip
    github.save()
    written = note.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(json.dumps(kept))
    written.replace(note)
    return Scene(github, url=url, **kept)


def _settings(base: Settings, folder: Path, scene: Scene, page: int, database: str | None) -> Settings:
    """The demo never touches the database of the settings: that may be one that people work with."""
    return base.model_copy(
        update={
            "data_dir": folder, "database_url": database, "host": "127.0.0.1", "port": page, "public_url": f"http://127.0.0.1:{page}",
            "local": True, "github_api_url": scene.url, "github_url": scene.url, "github_app_id": scene.app_id,
            "github_private_key": _secret(scene.private_key), "github_webhook_secret": _secret(scene.webhook_secret),
            "github_token": None, "poll_seconds": 0.25, "sandbox": _sandbox(base), "slot": "demo",
        }
    )  # fmt: skip


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


def _sandbox(base: Settings) -> str:
    """The demo's own job runs a program of our library on data of ours: it needs no sandbox where there is none."""
    return base.sandbox if base.sandbox != "auto" or shutil.which("bwrap") else "none"


async def _play(
    program: Roundsman, scene: Scene, doors: tuple[socket.socket, socket.socket], console: Console, once: bool
) -> Result | None:
    page, api = doors
    async with _served(scene.github.app, api):
        program.worker.fires = False
        await program.start()
        try:
            job = await _job(program, scene)
            if once:
                return await _fire(program, job)
            await _go_on(program, scene, job, console, page)
            return None
        finally:
            await program.stop()
            scene.github.close()


@contextlib.asynccontextmanager
async def _served(app: Any, door: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve(sockets=[door]))
    while not server.started:
        await asyncio.sleep(0.02)
        if task.done():
            task.result()
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _job(program: Roundsman, scene: Scene) -> int:
    """The demo's job: BM25 over the repository's issues, no model; every minute while the demo runs.

    It stands in the demo repository's own file; a real export has none, and gets it from here.
    """
    if not scene.exported:
        await program.read_configuration(RepositoryRef.of(scene.repository))
    spec = JobSpec.model_validate(
        {
            "description": "Does somebody say this already?", "on": {"schedule": "* * * * *"}, "filter": "is:issue is:open sort:created-desc",
            "command": "issue/find-duplicates", "max_items": 10, "catch_up": "none",
        }
    )  # fmt: skip
    now = program.clock.now()
    repository = await program.database.write(repositories.ensure_repository, scene.repository, now)
    written = await program.database.read(jobs.by_name, repository.id, JOB)
    if written is not None and written.source == "file":
        return written.id
    saved = await program.database.write(
        jobs.save_job, repository.id, JOB, spec, source="local", by="demo", now=now
    )
    return saved.id


async def _fire(program: Roundsman, job: int) -> Result:
    """Finish what an earlier call left, then fire once."""
    for left in reversed(await program.database.read(runs.runs_of, job, 20)):
        if not left.status.final:
            await finished(program, left.id)
    now = program.clock.now()
    trigger = Trigger(kind=TriggerKind.manual, occasion=f"demo-{now.isoformat()}", by="demo")
    fired = await program.database.write(runs.fire, job, trigger, now)
    assert fired is not None
    return await finished(program, fired.id)


async def _go_on(program: Roundsman, scene: Scene, job: int, console: Console, page: socket.socket) -> None:
    program.worker.fires = True
    async with _served(program.web(), page):
        console.print(
            f"\n  Dashboard  {program.front_door()}\n  GitHub     {scene.url}/{scene.repository}/issues\n",
            highlight=False,
        )
        _invite(scene, console)
        console.print(
            "The job fires every minute; the first fire is now. Stop with Ctrl-C.\n", highlight=False
        )
        show(await _fire(program, job), as_json=False)
        seen = 0
        while True:
            await asyncio.sleep(1)
            for run in reversed(await program.database.read(runs.runs_of, job, 5)):
                if run.id > seen and run.status.final:
                    if seen and run.items_processed + run.items_failed:
                        show(await finished(program, run.id), as_json=False)
                    seen = run.id


def _invite(scene: Scene, console: Console) -> None:
    """What lets another terminal use this GitHub."""
    if scene.token:
        console.print("To try other commands on it from another terminal:")
        names = {"API_URL": scene.url, "URL": scene.url, "TOKEN": scene.token}
        for name, value in names.items():
            console.print(f"  export ROUNDSMAN_GITHUB_{name}={value}", highlight=False, soft_wrap=True)
        console.print()
