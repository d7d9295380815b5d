"""What an operator may open: tool servers, and the way to a package registry for `setup:`."""

from __future__ import annotations

import base64
import gc
import hashlib
import io
import json
import shutil
import socket
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pytest

from bot.agents.egress import Egress
from bot.demo.model import Call, Say, ScriptedModel
from bot.model.agent import McpServer
from tests.adapters.sessions import Repository, desk, needs_bwrap, needs_cli
from tests.adapters.test_clis import FULLY, ask, office

pytestmark = needs_bwrap

ECHO = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    tool = {"name": "say", "description": "Says it", "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}}}
    match asked["method"]:
        case "initialize":
            result = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "echo", "version": "1"}}
        case "tools/list":
            result = {"tools": [tool]}
        case "tools/call":
            word = asked["params"]["arguments"].get("word")
            result = {"content": [{"type": "text", "text": f"{os.environ.get('GREETING')} {word} from pid {os.getpid()}"}]}
        case _:
            result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    """A model on loopback that does what a test says."""
    scripted = ScriptedModel()
    async with scripted.serving():
        yield scripted
    gc.collect()


@pytest.mark.clis
@pytest.mark.parametrize("engine", FULLY)
async def test_a_picked_tool_server_serves(engine: str, tmp_path: Path, model: ScriptedModel) -> None:
    """Started by the program inside the sandbox, with the environment its operator gave it."""
    server = McpServer(name="echo", command=("python3", "-c", ECHO), environment={"GREETING": "Good day"})
    model.when("Task", Call("mcp__echo__say", {"word": "world"}), Say("Done."))
    made = office(tmp_path, model)
    # Codex shows newer models one tool that runs scripts; an older one gets each tool by its name.
    name = {"codex": "gpt-5.2"}.get(engine, "sonnet")
    request = ask(engine, "Task", model=name, mcp=(server,), allowed_tools=("mcp__echo__say",))
    end = await made.work(request)
    assert end.failure is None, end.failure
    answers = [event.text for event in made.events if event.type == "tool_answered"]
    assert any("Good day world from pid" in text for text in answers), (answers, model.seen[-1].tools)


class Remote(BaseHTTPRequestHandler):
    """A tool server reached by address: each call is one POST."""

    asked: list[str]
    address: str

    def do_POST(self) -> None:
        """Answer one call; a notification has none."""
        call = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(call["method"])
        tool = {"name": "say", "description": "Says it", "inputSchema": {"type": "object"}}
        answers: dict[str, Any] = {
            "initialize": {
                "protocolVersion": call.get("params", {}).get("protocolVersion"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "far", "version": "1"},
            },
            "tools/list": {"tools": [tool]},
            "tools/call": {"content": [{"type": "text", "text": "hello from afar"}]},
        }
        said = {"jsonrpc": "2.0", "id": call.get("id"), "result": answers.get(call["method"], {})}
        raw = json.dumps(said).encode() if "id" in call else b""
        self.send_response(200 if raw else 202)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        """There is no stream of our own words."""
        self.send_error(405)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.clis
@needs_cli("claude")
async def test_a_tool_server_far_away_is_reached_only_if_its_host_is_named(
    tmp_path: Path, model: ScriptedModel
) -> None:
    """By address, through the operator's allow-list."""
    model.when("Task", Call("mcp__far__say", {}), Say("Done."))
    with far_away(Remote) as far:
        server = McpServer(name="far", url=f"http://{far.address}/mcp")
        for egress, reached in (((), False), ((far.address,), True)):
            made = office(tmp_path / str(reached), model, egress=egress)
            await made.work(ask("claude", "Task", mcp=(server,), allowed_tools=("mcp__far__say",)))
            answers = [event.text for event in made.events if event.type == "tool_answered"]
            assert any("hello from afar" in text for text in answers) == reached, answers
            assert ("tools/call" in far.asked) == reached


@cache
def _package() -> bytes:
    """One archive for every answer: gzip writes the time into its head, and npm compares the sums."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in {
            "package.json": '{"name": "left", "version": "1.0.0"}',
            "index.js": "module.exports = 42\n",
        }.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return archive.getvalue()


class Registry(BaseHTTPRequestHandler):
    """An npm registry that knows one package."""

    asked: list[str]
    address: str

    def do_GET(self) -> None:
        """Answer with the package or its archive."""
        self.asked.append(self.path)
        raw = _package()
        if self.path.endswith(".tgz"):
            return self._say(raw, "application/octet-stream")
        sha = base64.b64encode(hashlib.sha512(raw).digest()).decode()
        dist = {"tarball": f"http://{self.address}/left/-/left-1.0.0.tgz", "integrity": f"sha512-{sha}"}
        about = {
            "name": "left",
            "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": {"name": "left", "version": "1.0.0", "dist": dist}},
        }
        return self._say(json.dumps(about).encode(), "application/json")

    def _say(self, raw: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


_H = TypeVar("_H", Registry, Remote)


@contextmanager
def far_away(kind: type[_H]) -> Iterator[type[_H]]:
    """A server on an address of this machine that is not loopback: to a sandbox it is as far away as any other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            here = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address but loopback")
    handler = type("Kept", (kind,), {"asked": []})
    server = ThreadingHTTPServer((here, 0), handler)
    handler.address = f"{here}:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


NPM = "npm install --no-audit --no-fund --loglevel=error --fetch-retries=0 --registry=http://{address}/ left"


@pytest.mark.skipif(
    shutil.which("npm", path="/usr/bin:/usr/local/bin") is None, reason="npm is not installed"
)
async def test_setup_reaches_the_registry_the_operator_named_and_no_other(tmp_path: Path) -> None:
    """A real package manager gets its package through the allow-list; without it, it gets nothing and we say why."""
    shop = Repository.made(
        tmp_path / "shop", {"package.json": "{}", ".gitignore": "node_modules\npackage*.json\n"}
    )
    with far_away(Registry) as far:
        setup = NPM.format(address=far.address)
        made = desk(tmp_path / "open", egress=(far.address,))
        end = await made.script(
            "node -e 'console.log(require(\"left\"))'", checkout=shop.checkout(), setup=setup
        )
        assert end.failure is None, end.failure
        assert made.said() == "42"
        assert [path.rsplit("/", 1)[-1] for path in far.asked] == ["left", "left-1.0.0.tgz"]
        far.asked.clear()
        for egress in ((), ("registry.example",)):
            closed = desk(tmp_path / f"closed{len(egress)}", egress=egress)
            end = await closed.script("true", checkout=shop.checkout(), setup=setup)
            assert end.failure is not None
            assert (end.failure.kind, "setup command" in end.failure.words) == ("configuration", True)
        assert far.asked == []
        told = [event.text for event in closed.events if event.type == "noted"]
        assert any(f"refused a connection to {far.address}" in text for text in told)


def test_only_what_was_named_is_open() -> None:
    """Port 443 where none is named; a wildcard is no suffix of another name."""
    way = Egress(["registry.example", "*.pypi.example", "git.example:8443"])
    assert way.permits("registry.example", 443)
    assert way.permits("Registry.Example.", 443)
    assert way.permits("files.pypi.example", 443)
    assert way.permits("git.example", 8443)
    for host, port in (
        ("registry.example", 80), ("registry.example", 22), ("git.example", 443), ("pypi.example.evil", 443),
        ("evilpypi.example", 443), ("x.registry.example", 443), ("", 443),
    ):  # fmt: skip
        assert not way.permits(host, port), (host, port)


async def test_no_name_leads_back_to_this_machine(tmp_path: Path) -> None:
    """A name that somebody points at loopback, where our own services listen, leads nowhere."""
    from bot.agents.egress import _is_here

    for address in (
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
    ):
        assert _is_here(address), address
    for address in ("10.0.0.7", "192.0.2.1", "2001:db8::1"):
        assert not _is_here(address), address
