"""git over smart HTTP: clone, fetch and push against the real bare repositories."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from bot.demo import pulldeeds
from bot.demo import records as r
from bot.demo.auth import Caller, identify
from bot.demo.core import Actor, Core, at_least
from bot.demo.gitstore import NO_COMMIT, environment
from bot.demo.refusal import Refusal

router = APIRouter()
SERVICES = {"git-upload-pack": "upload-pack", "git-receive-pack": "receive-pack"}
NO_CACHE = {"cache-control": "no-cache, max-age=0, must-revalidate"}


def _unauthorised() -> Response:
    return Response("Authentication required", 401, {"www-authenticate": 'Basic realm="GitHub"'})


def _open(request: Request, owner: str, name: str, service: str) -> tuple[r.Repo, Caller] | Response:
    """The repository, if the caller may read it or push to it; else the refusal git understands."""
    core: Core = request.app.state.core
    try:
        caller = identify(core, request.headers.get("authorization"))
    except Refusal:
        return _unauthorised()
    repo = core.repo(f"{owner}/{name.removesuffix('.git')}")
    if repo is None or not _may(core, repo, caller, "read"):
        return _unauthorised() if caller.kind == "anonymous" else Response("Repository not found.", 404)
    if service == "git-receive-pack" and not _may(core, repo, caller, "write"):
        refused = Response("Permission to this repository denied.", 403)
        return _unauthorised() if caller.kind == "anonymous" else refused
    return repo, caller


def _may(core: Core, repo: r.Repo, caller: Caller, grade: str) -> bool:
    if caller.kind == "installation":
        if repo.id in (caller.repositories or ()):
            return caller.grade("contents") >= (2 if grade == "write" else 1)
        return grade == "read" and not repo.private
    return at_least(core.role(repo, caller.login), grade)


@router.get("/{owner}/{name}/info/refs")
async def info_refs(request: Request, owner: str, name: str, service: str = "") -> Response:
    """The refs on offer."""
    if service not in SERVICES:
        return Response("Please upgrade your git client.", 403)
    opened = _open(request, owner, name, service)
    if isinstance(opened, Response):
        return opened
    protocol = request.headers.get("git-protocol", "")
    out = await _once(request, opened[0], SERVICES[service], protocol)
    if "version=2" not in protocol or service == "git-receive-pack":
        line = f"# service={service}\n".encode()
        out = f"{len(line) + 4:04x}".encode() + line + b"0000" + out
    return Response(out, headers=NO_CACHE, media_type=f"application/x-{service}-advertisement")


def _env(protocol: str) -> dict[str, str]:
    return environment() | ({"GIT_PROTOCOL": protocol} if protocol else {})


def _path(request: Request, repo: r.Repo) -> str:
    core: Core = request.app.state.core
    return str(core.git.open(repo.id, repo.default_branch).path)


async def _once(request: Request, repo: r.Repo, command: str, protocol: str) -> bytes:
    child = await asyncio.create_subprocess_exec(
        "git", command, "--stateless-rpc", "--advertise-refs", _path(request, repo),
        stdout=asyncio.subprocess.PIPE, env=_env(protocol),
    )  # fmt: skip
    out, _ = await child.communicate()
    return out


async def _body(request: Request) -> bytes:
    raw = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        try:
            return gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as fault:
            raise Refusal(400, "broken gzip body") from fault
    return raw


@router.post("/{owner}/{name}/git-upload-pack")
async def upload_pack(request: Request, owner: str, name: str) -> Response:
    """Give objects."""
    opened = _open(request, owner, name, "git-upload-pack")
    if isinstance(opened, Response):
        return opened
    body = await _body(request)
    stream = _rpc(request, opened[0], "upload-pack", body)
    return StreamingResponse(stream, headers=NO_CACHE, media_type="application/x-git-upload-pack-result")


async def _rpc(request: Request, repo: r.Repo, command: str, body: bytes) -> AsyncIterator[bytes]:
    child = await asyncio.create_subprocess_exec(
        "git", command, "--stateless-rpc", _path(request, repo),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=_env(request.headers.get("git-protocol", "")),
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    feeding = asyncio.create_task(_feed(child.stdin, body))
    try:
        while chunk := await child.stdout.read(65_536):
            yield chunk
    finally:
        feeding.cancel()
        if child.returncode is None:
            try:
                await asyncio.wait_for(child.wait(), 5)
            except TimeoutError:
                child.kill()
                await child.wait()


async def _feed(pipe: asyncio.StreamWriter, body: bytes) -> None:
    try:
        pipe.write(body)
        await pipe.drain()
        pipe.close()
    except (BrokenPipeError, ConnectionResetError):
        return


@router.post("/{owner}/{name}/git-receive-pack")
async def receive_pack(request: Request, owner: str, name: str) -> Response:
    """Take a push; pull requests move and the App hears of it."""
    opened = _open(request, owner, name, "git-receive-pack")
    if isinstance(opened, Response):
        return opened
    repo, caller = opened
    core: Core = request.app.state.core
    git = core.git.open(repo.id, repo.default_branch)
    before = git.refs("refs/heads/")
    body = await _body(request)
    out = b"".join([chunk async for chunk in _rpc(request, repo, "receive-pack", body)])
    _tell(core, repo, before, git.refs("refs/heads/"), caller.actor)
    core.save()
    return Response(out, headers=NO_CACHE, media_type="application/x-git-receive-pack-result")


def _tell(core: Core, repo: r.Repo, before: dict[str, str], after: dict[str, str], actor: Actor) -> None:
    for ref in sorted({*before, *after}):
        old, new = before.get(ref, NO_COMMIT), after.get(ref, NO_COMMIT)
        if old != new:
            pulldeeds.pushed(core, repo, ref.removeprefix("refs/heads/"), old, new, actor)
