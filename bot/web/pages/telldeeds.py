"""The button that tries a notification channel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from bot.store import audit
from bot.web.auth import Context, Operator
from bot.web.pages.answering import refused
from bot.web.pages.language import gettext as _
from bot.web.pages.render import Notice, back, reader_of

router = APIRouter(include_in_schema=False)
HERE = "/installations"


@router.post("/notify-test")
async def try_channel(
    request: Request, context: Context, viewer: Operator, channel: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Send a test message, and say whether it left."""
    reader_of(request)
    if context.tell is None or channel not in context.settings.notify:
        return refused(request, HERE, _("There is no channel of that name."))
    fault = await context.tell(channel)
    await context.database.write(audit.note, viewer.login, "channel.tried", channel, context.now())
    if fault is not None:
        words = _("The message did not leave: %(fault)s. Correct the channel in ROUNDSMAN_NOTIFY.")
        return refused(request, HERE, words % {"fault": fault})
    return back(request, HERE, Notice(words=_("A test message went to %(channel)s.") % {"channel": channel}))
