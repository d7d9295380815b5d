"""How a button of the pages answers: back on the page it stands on, with what was done or why not."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from bot.web.cookies import onward
from bot.web.pages.render import Notice, back


def came_from(request: Request, otherwise: str) -> str:
    """The page of ours whose form was sent."""
    sender = urlsplit(request.headers.get("referer", ""))
    if sender.netloc != request.headers.get("host") or not sender.path:
        return otherwise
    return onward(sender.path + (f"?{sender.query}" if sender.query else ""))


def refused(request: Request, place: str, words: str) -> Response:
    """Say why it was not done."""
    return back(request, came_from(request, place), Notice(words=words[:500], tone="error"))
