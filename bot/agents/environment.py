"""The environment of a session's programs, built from nothing."""

from __future__ import annotations

from collections.abc import Mapping

from bot.agents import outcome_file, sandbox
from bot.agents.process import MARK, mark_of
from bot.agents.workspace import Workspace


def environment_of(
    space: Workspace, *, confined: bool, egress: bool, host: Mapping[str, str]
) -> dict[str, str]:
    """What every program gets, to which its engine adds its own few; `host` counts only outside a sandbox."""
    outcome = sandbox.OUTCOME if confined else str(space.outcome)
    base = {
        "PATH": sandbox.PATH,
        "HOME": "/home/agent" if confined else str(space.state),
        "TMPDIR": "/tmp" if confined else str(space.home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "CI": "true",
        "NO_COLOR": "1",
        "ROUNDSMAN_OUTCOME": f"{outcome}/{outcome_file.NAME}",
        MARK: mark_of(space.home),
    }
    if not confined:
        base |= {name: value for name, value in host.items() if name in ("PATH", "LANG", "TZ")}
    return base | (_way_out() if egress else {})


def _way_out() -> dict[str, str]:
    way = f"http://127.0.0.1:{sandbox.EGRESS_PORT}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return {**dict.fromkeys(names, way), **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")}
