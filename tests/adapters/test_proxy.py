"""The way to the model: who may use it, for what, and at what price."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.agents.calls import reaches_out, without_remote_tools
from bot.agents.egress import Egress
from bot.agents.mirror import Mirrors
from bot.agents.prices import AS_OF, LIST, Prices, Tokens
from bot.agents.proxy import Api, ModelProxy, Upstream
from bot.agents.usage import UsageReader
from bot.demo.model import Fault, Say, ScriptedModel, Usage
from bot.model.agent import Checkout, Spent
from tests.adapters.sessions import Purse

MESSAGE = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
Opening = Callable[..., AbstractAsyncContextManager[tuple[ModelProxy, httpx.AsyncClient]]]


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    """A model that says one word for 1,000 tokens in and 100 out."""
    scripted = ScriptedModel()
    async with scripted.serving():
        yield scripted
    gc.collect()


@pytest.fixture
def opening(model: ScriptedModel, tmp_path: Path) -> Opening:
    """Open a proxy on a Unix socket, and a client as it would stand inside the sandbox."""

    @asynccontextmanager
    async def opened(
        api: Api = "anthropic", **given: Any
    ) -> AsyncIterator[tuple[ModelProxy, httpx.AsyncClient]]:
        socket = tmp_path / "m.sock"
        async with httpx.AsyncClient() as far:
            meter = given.pop("meter", None) or Purse()
            proxy = ModelProxy(
                Upstream(api, "real-key", model.url), "placeholder", Prices(), meter, far, **given
            )
            async with proxy.serving(socket):
                transport = httpx.AsyncHTTPTransport(uds=str(socket))
                headers = {"x-api-key": "placeholder"}
                async with httpx.AsyncClient(
                    transport=transport, base_url="http://m", headers=headers
                ) as near:
                    yield proxy, near

    return opened


async def test_the_real_key_goes_out_and_the_placeholder_stays(
    opening: Opening, model: ScriptedModel
) -> None:
    """Both whole and streamed answers pass, and are counted to the token and the cent."""
    spent: list[Spent] = []

    async def note(event: Spent) -> None:
        spent.append(event)

    async with opening(cap_usd=1.0, on_spent=note) as (proxy, near):
        whole = await near.post("/v1/messages", json=MESSAGE)
        streamed = await near.post("/v1/messages?beta=true", json={**MESSAGE, "stream": True})
    assert whole.json()["content"][0]["text"] == "ok"
    assert "message_stop" in streamed.text
    assert {c.key for c in model.seen} == {"real-key"}
    assert [(s.tokens_in, s.tokens_out, s.cost_usd) for s in spent] == [(1000, 100, 0.003)] * 2
    assert proxy.usage.calls == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/files", 403),
        ("POST", "/v1/messages/batches", 403),
        ("GET", "/v1/messages", 403),
        ("POST", "/v1/messages/../files", 403),
        ("POST", "//evil.example/v1/messages", 403),
        ("POST", "/v1/messages?x=http://evil.example", 403),
        ("POST", "/v1/responses", 403),
        ("GET", "/v1/models", 200),
    ],
)
async def test_nothing_but_calls_to_the_model(
    method: str, path: str, status: int, opening: Opening, model: ScriptedModel
) -> None:
    """Files, batches, other APIs and other addresses are refused and never sent on."""
    async with opening() as (_, near):
        request = near.build_request(method, "/", json=MESSAGE)
        request.url = request.url.copy_with(raw_path=path.encode())
        assert (await near.send(request)).status_code == status
    assert model.seen == []


async def test_a_foreign_key_is_refused(opening: Opening, model: ScriptedModel) -> None:
    """Only the session's own placeholder opens the way."""
    async with opening() as (_, near):
        answer = await near.post("/v1/messages", json=MESSAGE, headers={"x-api-key": "other"})
        assert answer.status_code == 401
        assert (await near.post("/v1/messages", content=b"[" * 100_000)).status_code == 400
    assert model.seen == []


async def test_calls_at_once_overshoot_by_one_at_most(opening: Opening, model: ScriptedModel) -> None:
    """Sixteen calls at once with money for two end after the one that crossed the line."""
    purse = Purse()
    async with opening(cap_usd=0.005, meter=purse) as (proxy, near):
        answers = await asyncio.gather(*(near.post("/v1/messages", json=MESSAGE) for _ in range(16)))
    assert sorted(a.status_code for a in answers) == [200] * 2 + [403] * 14
    assert purse.totals == [0.003, 0.006]
    assert proxy.failure is not None
    assert proxy.failure.kind == "budget"
    assert proxy.stopped.is_set()


async def test_what_a_call_may_cost_is_told_before_it_leaves(opening: Opening, model: ScriptedModel) -> None:
    """By its own limit and its size, never more than is left; a call that was refused costs nothing."""
    purse = Purse()
    limited = {**MESSAGE, "max_tokens": 1000}
    async with opening(cap_usd=0.02, meter=purse) as (proxy, near):
        await near.post("/v1/messages", json=limited)
        price = proxy.prices.of(MESSAGE["model"])
        assert price is not None
        assert purse.stakes[0] == pytest.approx(price.tokens_out / 1000, rel=0.05)
        await near.post("/v1/messages", json={**MESSAGE, "max_tokens": 10_000_000})
        assert purse.stakes[1:] == [pytest.approx(0.02 - 0.003)]
        model.when("hi", Fault(500))
        await near.post("/v1/messages", json=limited)
    assert purse.stakes[-1] == 0.0


async def test_an_unknown_price_stops_where_a_budget_applies(opening: Opening, model: ScriptedModel) -> None:
    """Money that cannot be counted is not spent."""
    async with opening(cap_usd=1.0) as (proxy, near):
        assert (await near.post("/v1/messages", json={**MESSAGE, "model": "mystery-1"})).status_code == 403
    assert proxy.failure is not None
    assert proxy.failure.kind == "configuration"
    async with opening() as (_, near):
        assert (await near.post("/v1/messages", json={**MESSAGE, "model": "mystery-1"})).status_code == 200


async def test_a_row_of_faults_ends_the_session(opening: Opening, model: ScriptedModel) -> None:
    """A program that tries for ever is ended after some."""
    model.when("hi", Fault(500))
    async with opening() as (proxy, near):
        for _ in range(6):
            await near.post("/v1/messages", json=MESSAGE)
    assert proxy.failure is not None
    assert proxy.failure.kind == "api_fault"


async def test_a_caller_who_leaves_is_still_counted(opening: Opening, model: ScriptedModel) -> None:
    """Hanging up in the middle does not make a call free, nor block the next."""
    model.when("hi", Say("x" * 3_000_000))
    async with opening(cap_usd=50.0) as (proxy, near):
        async with near.stream("POST", "/v1/messages", json={**MESSAGE, "stream": True}) as answer:
            async for _ in answer.aiter_raw():
                break
        model.when("hi", Say("ok"))
        assert (await asyncio.wait_for(near.post("/v1/messages", json=MESSAGE), 60)).status_code == 200
    assert proxy.usage.calls == 2


@pytest.mark.parametrize(
    ("api", "path", "body"),
    [
        (
            "openai",
            "/v1/responses",
            {"model": "gpt-5", "input": [{"role": "user", "content": "hi"}], "stream": True},
        ),
        ("openai", "/v1/responses", {"model": "gpt-5", "input": [{"role": "user", "content": "hi"}]}),
        (
            "openai",
            "/v1/chat/completions",
            {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}], "stream": True},
        ),
        (
            "gemini",
            "/v1beta/models/gemini-2.5-pro:generateContent",
            {"contents": [{"parts": [{"text": "hi"}]}]},
        ),
        (
            "gemini",
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            {"contents": [{"parts": [{"text": "hi"}]}]},
        ),
    ],
)
async def test_every_api_is_counted(
    api: Api, path: str, body: dict[str, Any], opening: Opening, model: ScriptedModel
) -> None:
    """The usage of each API is read, cached tokens at their own price."""
    model.usage = Usage(1000, 100, 4000)
    async with opening(api, cap_usd=1.0) as (proxy, near):
        assert (await near.post(path, json=body)).status_code == 200
    usage = proxy.usage
    assert (usage.tokens_in, usage.tokens_out, usage.tokens_cached) == (1000, 100, 4000)
    assert usage.cost_usd == pytest.approx((1000 * 1.25 + 100 * 10 + 4000 * 0.125) / 1e6)


@pytest.mark.parametrize(
    "body",
    [
        {"mcp_servers": [{"url": "https://evil.example"}]},
        {
            "messages": [
                {
                    "content": [
                        {"type": "image", "source": {"type": "url", "url": "https://evil.example/?d=1"}}
                    ]
                }
            ]
        },
        {"input": [{"content": [{"type": "input_image", "image_url": "https://evil.example"}]}]},
        {"contents": [{"parts": [{"fileData": {"fileUri": "https://evil.example"}}]}]},
        {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "http://evil.example"}}]}]},
        {"background": True},
    ],
)
def test_calls_that_would_carry_data_out_are_seen(body: dict[str, Any]) -> None:
    """The model's side is not asked to fetch an address for the agent."""
    assert reaches_out(body)
    assert (
        reaches_out(
            {"messages": [{"content": [{"type": "tool_use", "input": {"url": "https://x", "type": "url"}}]}]}
        )
        is None
    )


def test_tools_at_the_provider_are_left_out() -> None:
    """Search, fetch and code at the provider go; the program's own tools stay."""
    own = {"name": "Bash", "input_schema": {}}
    body, changed = without_remote_tools(
        {"tools": [own, {"type": "web_search_20250305", "name": "web_search"}]}
    )
    assert (changed, body["tools"]) == (True, [own])
    body, changed = without_remote_tools({"tools": [{"googleSearch": {}}, {"functionDeclarations": []}]})
    assert (changed, body["tools"]) == (True, [{"functionDeclarations": []}])
    inner = {
        "type": "additional_tools",
        "tools": [{"type": "namespace", "tools": [{"type": "web_search"}, {"type": "custom"}]}],
    }
    body, changed = without_remote_tools({"input": [inner]})
    assert changed
    assert body["input"][0]["tools"][0]["tools"] == [{"type": "custom"}]
    assert without_remote_tools({"tools": [own]}) == ({"tools": [own]}, False)


def test_prices_know_aliases_dates_and_the_operators_rows() -> None:
    """A model is found under its alias, with a date and a provider before it; own rows win."""
    prices = Prices({"gpt-5": {"input": 9, "output": 9}, "local/m": {"input": 0, "output": 0}})
    assert prices.of("sonnet") == LIST["claude-sonnet-5-5"]
    assert prices.of("anthropic/claude-haiku-4-5-20251001") == LIST["claude-haiku-4-5"]
    assert prices.of("claude-sonnet-5-5[1m]") == LIST["claude-sonnet-5-5"]
    assert (prices.of("gpt-5") or LIST["o3"]).tokens_in == 9
    assert (prices.of("local/m") or LIST["o3"]).tokens_in == 0
    assert prices.of("nobody-1") is None
    assert AS_OF.startswith("2026")


def test_long_prompts_and_caches_have_their_price() -> None:
    """Over the threshold everything costs more; an hour's cache costs twice the fresh rate."""
    price = LIST["gemini-2.5-pro"]
    assert price.cost(Tokens(fresh=100_000, out=1000)) == pytest.approx(0.135)
    assert price.cost(Tokens(fresh=300_000, out=1000)) == pytest.approx(0.765)
    assert LIST["claude-sonnet-5-5"].cost(Tokens(written_hour=1_000_000)) == pytest.approx(4.0)
    assert LIST["claude-sonnet-5-5"].cost(Tokens(written=1_000_000)) == pytest.approx(2.5)


def test_an_answer_that_breaks_off_is_estimated() -> None:
    """Without a word on usage the bytes are counted, so that nothing is free."""
    reader = UsageReader(stream=True)
    reader.feed(b"data: {broken\n" * 30)
    reader.close()
    assert reader.tokens(sent=3000).fresh == 1000
    assert reader.tokens(sent=3000).out > 0


async def test_the_way_out_is_an_allow_list(tmp_path: Path, model: ScriptedModel) -> None:
    """Named hosts are reached through the proxy, every other is refused and noted."""
    port = int(model.url.rsplit(":", 1)[1])
    noted: list[str] = []
    egress = Egress([f"127.0.0.1:{port}", "*.pypi.org"], noted.append)
    assert egress.permits("files.pypi.org", 443)
    assert not egress.permits("pypi.org.evil.example", 443)
    assert not egress.permits("files.pypi.org", 22)
    async with egress.serving(tmp_path / "e.sock"):
        for target, status in (
            (f"127.0.0.1:{port}", b"200"),
            ("127.0.0.1:1", b"403"),
            ("evil.example:443", b"403"),
        ):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "e.sock")
            writer.write(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            assert status in await reader.readline()
            if status == b"200":
                await reader.readline()
                writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert b'"models"' in await reader.read()
            writer.close()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "e.sock")
        writer.write(
            f"GET {model.url}/v1/models HTTP/1.1\r\nHost: x\r\nProxy-Connection: keep-alive\r\n\r\n".encode()
        )
        assert b'"models"' in await reader.read()
        writer.close()
    assert len(noted) == 2


async def test_the_token_reaches_only_its_host_and_no_disk(tmp_path: Path) -> None:
    """Askpass answers for the host we meant; neither script nor mirror holds the token."""

    async def token(_repository: str) -> str:
        return "ghs_very_secret_token"

    mirrors = Mirrors(tmp_path / "mirrors", token)
    checkout = Checkout(repository="acme/shop", clone_url="https://user:pw@github.example/acme/shop.git")
    access = await mirrors.access(checkout)
    assert access["ROUNDSMAN_GIT_HOST"] == "github.example"
    for asked, answer in (
        ("Password for 'https://x-access-token@github.example': ", b"ghs_very_secret_token\n"),
        ("Username for 'https://github.example': ", b"x-access-token\n"),
        ("Password for 'https://evil.example': ", b""),
        ("Password for 'https://github.example.evil.example': ", b""),
        ("Password for 'https://github.example@evil.example': ", b""),
    ):
        child = await asyncio.create_subprocess_exec(
            access["GIT_ASKPASS"],
            asked,
            env={**access, "PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE,
        )
        assert (await child.communicate())[0] == answer
    kept = b"".join(p.read_bytes() for p in (tmp_path / "mirrors").rglob("*") if p.is_file())
    assert b"ghs_very_secret" not in kept
    assert (await mirrors.access(checkout.model_copy(update={"clone_url": str(tmp_path)}))) == {}
