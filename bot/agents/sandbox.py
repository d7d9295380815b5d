"""Confinement by bubblewrap: own user, PID and network namespaces, no capability, selected read-only binds."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WORKSPACE = "/workspace"
OUTCOME = "/outcome"
STATE = "/home/agent/state"
TOOLS = "/opt/agent"
MIRROR = "/mirror"
MODEL_PORT = 8080
EGRESS_PORT = 8081
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Certificates, but not the folders of private keys beside them: a service that runs as root could read those.
_SYSTEM = (
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/ld.so.cache",
    "/etc/localtime",
)
_PASSWD = "root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n"
_GROUP = "root:x:0:\nagent:x:1000:\n"
_HOSTS = "127.0.0.1 localhost agent\n::1 localhost\n"

# The forwarders give loopback addresses to sockets; the loop waits until they listen.
_ENTER = """
[ -S /run/model.sock ] && socat TCP-LISTEN:8080,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:/run/model.sock </dev/null >/dev/null 2>&1 &
[ -S /run/egress.sock ] && socat TCP-LISTEN:8081,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:/run/egress.sock </dev/null >/dev/null 2>&1 &
exec prlimit --core=0 --nproc=4096 -- "$@"
"""
_MOUNT = 'mount -t overlay overlay -o "$1" "$2" && shift 2 && exec "$@"'


@dataclass(frozen=True)
class Overlay:
    """A shared, pristine tree below and a session's own changes above."""

    lower: Path
    upper: Path
    scratch: Path

    @property
    def options(self) -> str:
        """What mount is told."""
        return f"lowerdir={self.lower},upperdir={self.upper},workdir={self.scratch},userxattr"


@dataclass(frozen=True)
class Cage:
    """What one session's sandbox holds. `etc` has the passwd, group and hosts files."""

    workspace: Path
    outcome: Path
    state: Path
    etc: Path
    overlay: Overlay | None = None
    model_socket: Path | None = None
    egress_socket: Path | None = None
    mirror_objects: Path | None = None
    tools: tuple[tuple[Path, str], ...] = ()

    def argv(self, command: Sequence[str]) -> list[str]:
        """The whole command line that runs `command` inside."""
        bwrap = [_program("bwrap"), *_NAMESPACES, *_system(), "--proc", "/proc", "--dev", "/dev"]
        # The tmpfs of --dev has no size of its own: nothing is written there but to /dev/shm.
        bwrap += ["--size", str(1 << 28), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
        bwrap += ["--size", str(1 << 30), "--tmpfs", "/tmp", "--size", str(1 << 30), "--tmpfs", "/home/agent"]
        for name in ("passwd", "group", "hosts"):
            bwrap += ["--ro-bind", str(self.etc / name), f"/etc/{name}"]
        for host, inside in self.tools:
            bwrap += ["--ro-bind", str(host), inside]
        for socket, inside in (
            (self.model_socket, "/run/model.sock"),
            (self.egress_socket, "/run/egress.sock"),
        ):
            if socket is not None:
                bwrap += ["--bind", str(socket), inside]
        if self.mirror_objects is not None:
            bwrap += ["--ro-bind", str(self.mirror_objects), f"{MIRROR}/objects"]
        bwrap += ["--bind", str(self.workspace), WORKSPACE, "--bind", str(self.outcome), OUTCOME]
        bwrap += ["--bind", str(self.state), STATE, "--remount-ro", "/", "--chdir", WORKSPACE]
        bwrap += ["--", "/bin/sh", "-c", _ENTER, "agent", *command]
        if self.overlay is None:
            return bwrap
        unshare = [_program("unshare"), "--user", "--map-root-user", "--mount", "--", "/bin/sh", "-c", _MOUNT]
        return [*unshare, "mount", self.overlay.options, str(self.workspace), *bwrap]


_NAMESPACES = (
    *("--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"),
    *("--die-with-parent", "--new-session", "--hostname", "agent"),
)


def _system() -> list[str]:
    """The host's programs, read-only, whether or not /bin is a link into /usr."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path).lstrip("/"), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for host in _SYSTEM:
        words += ["--ro-bind-try", host, host]
    return words


def _program(name: str) -> str:
    return shutil.which(name, path=PATH) or name


def write_etc(folder: Path) -> Path:
    """Write the few files of /etc that programs ask for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("passwd", _PASSWD), ("group", _GROUP), ("hosts", _HOSTS)):
        (folder / name).write_text(content)
    return folder


@dataclass(frozen=True)
class Probe:
    """What confinement this host allows."""

    confined: bool
    overlay: bool
    words: str


async def probe(folder: Path) -> Probe:
    """Try a real sandbox, then one over an overlay in `folder`; the words say what to do where it fails."""
    for name, package in (("bwrap", "bubblewrap"), ("socat", "socat"), ("prlimit", "util-linux")):
        if shutil.which(name, path=PATH) is None:
            return Probe(False, False, f"{name} is not installed; install the package {package}")
    base = folder / f"probe-{os.getpid()}"
    parts = {name: base / name for name in ("lower", "upper", "scratch", "workspace", "outcome", "state")}
    try:
        for part in parts.values():
            part.mkdir(parents=True, exist_ok=True)
        (parts["lower"] / "below").touch()
        etc = write_etc(base / "etc")
        cage = Cage(parts["workspace"], parts["outcome"], parts["state"], etc)
        code, words = await _try(cage.argv(["sh", "-c", "! test -e /root && touch /workspace/x"]))
        if code != 0:
            return Probe(False, False, f"bubblewrap cannot make a sandbox here ({words}); {_advice(words)}")
        overlay = Overlay(parts["lower"], parts["upper"], parts["scratch"])
        over = Cage(parts["workspace"], parts["outcome"], parts["state"], etc, overlay)
        code, _ = await _try(over.argv(["sh", "-c", "test -e below && rm below"]))
        good = code == 0 and (parts["upper"] / "below").is_char_device()
        return Probe(
            True, good, "confined by bubblewrap" + ("" if good else "; without overlay, launches copy files")
        )
    finally:
        await asyncio.to_thread(shutil.rmtree, base, True)


def _advice(words: str) -> str:
    if "Operation not permitted" in words or "ermission denied" in words:
        return (
            "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu "
            "kernel.apparmor_restrict_unprivileged_userns=0), in a container use docs/seccomp.json"
        )
    return "see docs/container.md"


async def _try(argv: Sequence[str]) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *argv,
        env={"PATH": PATH},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(child.communicate(), 10)
    except TimeoutError:
        child.kill()
        return 124, "no answer within 10 seconds"
    return child.returncode or 0, out.decode("utf-8", "replace").strip()[-200:]
