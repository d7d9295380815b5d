"""Web contexts: an allow-list, one judged address a connection, no way inwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from pydantic import SecretStr

from bot.contexts.net import why_not
from bot.contexts.web import Web
from bot.model.context import HttpContext
from bot.ports import Refusal
from bot.settings import HttpHost
from tests.adapters.contexts.little_server import Little, little_server


class Names:
    """A resolver that says what it is told, in turn, and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Answer."""
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def wiki() -> Iterator[Little]:
    """A server on loopback."""
    with little_server() as little:
        yield little


HERE = ["127.0.0.1"]


def web(little: Little, names: Names | None = None, **hosts: HttpHost) -> Web:
    """A reader that may read `wiki.test` on the server's port, private or not."""
    given = hosts or {"wiki.test": HttpHost(private=True, headers={"x-key": SecretStr("s3cret-key")})}
    return Web({f"{name}:{little.port}": host for name, host in given.items()}, names or Names(HERE))


async def read(reader: Web, url: str, **more: int) -> str | Refusal:
    """Read an address."""
    return await reader.read(HttpContext(http=url, **more))


def refused(answer: str | Refusal) -> str:
    """The words of a refusal."""
    assert isinstance(answer, Refusal), answer
    return answer.words


async def test_an_allowed_host_is_read_with_its_headers(wiki: Little) -> None:
    """The operator's headers go to it, under its name, with the query kept."""
    wiki.answers["/page"] = (200, {"content-type": "text/plain; charset=latin-1"}, "café".encode("latin-1"))
    assert await read(web(wiki), wiki.url("/page?a=1%202#part")) == "café"
    (path, headers, _) = wiki.seen[0]
    assert path == "/page?a=1%202"
    assert headers["host"] == f"wiki.test:{wiki.port}"
    assert headers["x-key"] == "s3cret-key"


async def test_what_is_not_allowed_is_not_asked(wiki: Little) -> None:
    """Another name, or the name on another port, never gets a connection."""
    reader = web(wiki)
    assert "not among the hosts" in refused(await read(reader, wiki.url("/", host="evil.test")))
    assert "not among the hosts" in refused(await read(reader, "http://wiki.test:1/"))
    assert wiki.seen == []


async def test_a_private_address_is_refused_where_the_operator_did_not_open_it(wiki: Little) -> None:
    """A public-looking name that resolves inwards is not read; one inward answer among public ones spoils all."""
    for answers in (HERE, ["93.184.215.14", "10.0.0.7"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]):
        reader = web(wiki, Names(answers), **{"wiki.test": HttpHost()})
        assert "private address" in refused(await read(reader, wiki.url("/")))
    assert wiki.seen == []


async def test_dns_rebinding_finds_nothing_to_rebind(wiki: Little) -> None:
    """The name is asked once; the connection goes to the answer that was judged, whatever the name says next."""
    wiki.answers["/"] = (200, {}, b"fine")
    names = Names(HERE, ["169.254.169.254"])
    assert await read(web(wiki, names), wiki.url("/")) == "fine"
    assert names.asked == ["wiki.test"]
    assert "never read" in refused(await read(web(wiki, names), wiki.url("/")))


@pytest.mark.parametrize(
    "onward",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:80/",
        "http://[::1]/",
        "file:///etc/passwd",
        "gopher://wiki.test/",
        "http://user:pw@wiki.test/",
    ],
)
async def test_redirects_are_judged_like_the_first_address(wiki: Little, onward: str) -> None:
    """A redirect inwards, or to another kind of address, ends the reading."""
    wiki.answers["/"] = (302, {"location": onward}, b"")
    assert refused(await read(web(wiki), wiki.url("/")))
    assert len(wiki.seen) == 1


async def test_even_an_allowed_host_that_rebinds_between_redirects_is_refused(wiki: Little) -> None:
    """Each hop is resolved and judged anew: metadata services stay closed although private addresses are open."""
    wiki.answers["/"] = (302, {"location": "/next"}, b"")
    names = Names(HERE, ["169.254.169.254"])
    assert "169.254.169.254 is never read" in refused(await read(web(wiki, names), wiki.url("/")))
    assert [path for path, _, _ in wiki.seen] == ["/"]


async def test_headers_do_not_follow_a_redirect_to_another_host(wiki: Little) -> None:
    """Each host gets its own headers alone."""
    wiki.answers["/"] = (301, {"location": wiki.url("/there", host="docs.test")}, b"")
    wiki.answers["/there"] = (200, {}, b"there")
    key = {"x-key": SecretStr("s3cret-key")}
    reader = web(
        wiki, **{"wiki.test": HttpHost(private=True, headers=key), "docs.test": HttpHost(private=True)}
    )
    assert await read(reader, wiki.url("/")) == "there"
    assert ["x-key" in headers for _, headers, _ in wiki.seen] == [True, False]


async def test_size_is_capped_and_said(wiki: Little) -> None:
    """No more is read than the job asked for."""
    wiki.answers["/"] = (200, {}, b"x" * 5_000_000)
    answer = await read(web(wiki), wiki.url("/"), max_kb=2)
    assert isinstance(answer, str)
    assert len(answer) < 2_200
    assert "was not read" in answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {"content-encoding": "gzip"}, b"\x1f\x8b"), "compressed"),
        ((200, {}, b"a\0b"), "no text"),
        ((500, {}, b"oops"), "answered 500"),
    ],
)
async def test_what_is_no_text_is_refused(
    wiki: Little, answer: tuple[int, dict[str, str], bytes], words: str
) -> None:
    """Bombs, binaries and errors become a note."""
    wiki.answers["/"] = answer
    assert words in refused(await read(web(wiki), wiki.url("/")))


async def test_a_circle_of_redirects_ends(wiki: Little) -> None:
    """Five are followed at most."""
    wiki.answers["/"] = (302, {"location": "/"}, b"")
    assert "redirects more than" in refused(await read(web(wiki), wiki.url("/")))
    assert len(wiki.seen) == 6


@pytest.mark.parametrize(
    ("address", "public", "opened"),
    [
        ("93.184.215.14", True, True),
        ("2606:4700::1111", True, True),
        ("10.1.2.3", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("fd12::1", False, True),
        ("100.64.0.1", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("2002:a9fe:a9fe::", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("fd00:ec2::254", False, False),
        ("not an address", False, False),
    ],
)
def test_addresses(address: str, public: bool, opened: bool) -> None:
    """Which addresses are reached, by default and with private ones opened."""
    assert (why_not(address, private=False) is None) is public
    assert (why_not(address, private=True) is None) is opened
