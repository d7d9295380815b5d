"""The operator's channels: Apprise URLs by name, and how one message gets to one of them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from bot.flow.safe_text import redact
from bot.settings import environment

Kind = Literal["info", "success", "warning", "failure"]
"""Apprise's own words for how a message is meant."""
PATIENCE = 40.0
PLACE = "{target}"
_SENDER = Path(__file__).with_name("send.py")
_LET_THROUGH = (
    "PATH", "LANG", "LC_ALL", "HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message did not leave; `final` where trying again is of no use."""

    words: str
    final: bool = False


class Channels:
    """Sends to named channels. A URL may say `{target}` where a job's room or person goes."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    @property
    def names(self) -> list[str]:
        """The names jobs may use."""
        return sorted(self._urls)

    async def send(
        self, channel: str, target: str | None, title: str, body: str, kind: Kind = "info"
    ) -> Fault | None:
        """Send one message, coloured by its kind where the service can; the fault in words that hold no URL."""
        url = self._urls.get(channel)
        if url is None:
            return Fault(
                f"there is no channel {channel}; the operator names them in ROUNDSMAN_NOTIFY", final=True
            )
        if target and PLACE not in url:
            return Fault(
                f"channel {channel} takes no target; the operator writes {PLACE} into its URL where {target} goes",
                final=True,
            )
        # Quoted whole: a target can be no further part of the URL.
        given = url.replace(PLACE, quote(target or "", safe=""))
        return await self._hand_over(given, title, body, kind)

    async def _hand_over(self, url: str, title: str, body: str, kind: Kind) -> Fault | None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-W", "ignore", str(_SENDER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env=environment(*_LET_THROUGH), start_new_session=True,
        )  # fmt: skip
        asked = json.dumps({"url": url, "title": title, "body": body, "kind": kind}).encode()
        try:
            out, _ = await asyncio.wait_for(child.communicate(asked), PATIENCE)
        except TimeoutError:
            return Fault(f"the service gave no answer within {PATIENCE:g} seconds")
        except RuntimeError:  # uvloop's word for a pipe whose reader has ended
            return Fault("the sender broke off before it read the message")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode == 0:
            return None
        said = redact(out.decode("utf-8", "replace"), [url]).strip() or "the sender broke off"
        return Fault(said[:300], final=child.returncode == 3)
