"""A model that follows a script, behind the four APIs the agent programs speak; no account, no key, no network.

`ScriptedModel` answers Anthropic messages, OpenAI responses, OpenAI chat and Gemini. What it says next depends only on
the conversation it is sent, so that retries and replays get the same answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.demo import model_dialects as dialects
from bot.demo.model_dialects import Call, Conversation, Fault, Hang, Reply, Say, Shell, Usage

__all__ = ["Call", "Conversation", "Fault", "Hang", "Reply", "Say", "ScriptedModel", "Shell", "Usage"]

Brain = Callable[[Conversation], Reply]


@dataclass
class Rule:
    """Replies to conversations whose prompt holds `when`, in order; the last is repeated."""

    when: str
    replies: Sequence[Reply]


@dataclass
class ScriptedModel:
    """Rules looked through in order, then `brain`, then a plain word. `seen` keeps every conversation."""

    rules: list[Rule] = field(default_factory=list)
    brain: Brain | None = None
    seen: list[Conversation] = field(default_factory=list)
    usage: Usage = field(default_factory=lambda: Usage(1000, 100))
    url: str = ""

    def when(self, text: str, *replies: Reply) -> None:
        """Answer prompts that hold `text` with these replies, one a turn."""
        self.rules.insert(0, Rule(text, replies))

    def reply(self, conversation: Conversation) -> Reply:
        """Decide what to say; side talk (titles, summaries, quota probes) offers no tools and gets a word."""
        self.seen.append(conversation)
        rule = next((r for r in self.rules if r.when in conversation.prompt), None)
        if rule is not None and (conversation.tools or not any(_acts(r) for r in rule.replies)):
            return rule.replies[min(conversation.turn, len(rule.replies) - 1)]
        if self.brain is not None and conversation.tools:
            return self.brain(conversation)
        return Say("ok")

    def app(self) -> Starlette:
        """Build the web application."""
        post = ["POST"]
        return Starlette(
            routes=[
                Route("/v1/messages", self._answer(dialects.Anthropic()), methods=post),
                Route("/v1/messages/count_tokens", _count, methods=post),
                Route("/v1/responses", self._answer(dialects.Responses()), methods=post),
                Route("/v1/chat/completions", self._answer(dialects.Chat()), methods=post),
                Route("/v1/models", _models),
                Route("/v1beta/models/{call:path}", self._answer(dialects.Gemini()), methods=post),
            ]
        )

    def _answer(self, dialect: dialects.Dialect) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            body = json.loads(await request.body())
            conversation = dialect.read(body, request.url.path)
            conversation.key = dialects.key_of(request.headers)
            reply = self.reply(conversation)
            if isinstance(reply, Hang):
                await asyncio.sleep(reply.seconds)
                reply = Say("late")
            if isinstance(reply, Fault):
                return JSONResponse(dialect.fault(reply), reply.status, headers=dict(reply.headers))
            usage = reply.usage or self.usage
            if not dialect.streamed(body, request.url.path):
                return JSONResponse(dialect.whole(reply, conversation, usage))
            return StreamingResponse(
                _sse(dialect.stream(reply, conversation, usage)), media_type="text/event-stream"
            )

        return answer

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Listen on loopback while the context lasts; gives the base URL."""
        server = _Quiet(uvicorn.Config(self.app(), port=port, log_level="error", lifespan="off", ws="none"))
        task = asyncio.create_task(server.serve())
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.005)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield self.url
        finally:
            server.should_exit = server.force_exit = True
            await task


class _Quiet(uvicorn.Server):
    """A server inside somebody else's process: it leaves signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _acts(reply: Reply) -> bool:
    return isinstance(reply, Call | Shell)


async def _sse(events: Iterator[tuple[str | None, Any]]) -> AsyncIterator[bytes]:
    for name, body in events:
        text = body if isinstance(body, str) else json.dumps(body)
        yield (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


async def _count(request: Request) -> Response:
    return JSONResponse({"input_tokens": len(await request.body()) // 4})


async def _models(request: Request) -> Response:
    return JSONResponse({"object": "list", "data": [], "models": []})
