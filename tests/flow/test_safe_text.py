"""Text of an agent, made fit to publish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.safe_text import BREAK, one_line, publishable, redact, segments, visible

Z = BREAK


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("Ping @octocat now", f"Ping @{Z}octocat now"),
        ("(@acme/team)", f"(@{Z}acme/team)"),
        ("mail a@example.com", "mail a@example.com"),
        ("fixes #12", f"fixes #{Z}12"),
        ("acme/shop#12 and GH-7", f"acme/shop#{Z}12 and GH{Z}-7"),
        ("# Heading", "# Heading"),
        ("&#64;octocat &#x40;hubot &commat;x &num;4", f"@{Z}octocat @{Z}hubot @{Z}x #{Z}4"),
        ("`@decorator` stays", "`@decorator` stays"),
        ("```python\n@property\n# 1\n```", "```python\n@property\n# 1\n```"),
        ("an ` odd @octocat", f"an ` odd @{Z}octocat"),
        ("https://github.com/acme/shop/issues/4", "https://redirect.github.com/acme/shop/issues/4"),
        ("a<!-- hidden -->b", "ab"),
        ("a <!-- open", "a &lt;!-- open"),
        ("a\u200bb\u202ec\u2066d\U000e0041e", "abcde"),
        ("![x](https://evil.example/?q=1)", "[image: x](https://evil.example/?q=1)"),
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y>"),
        (
            "<details open onclick=x><summary>s</summary>t</details>",
            "<details open><summary>s</summary>t</details>",
        ),
        ("[//]: # (secret note)\ntext", "text"),
        ("<https://example.com/a>", "<https://example.com/a>"),
        ("x < y and a<b", "x < y and a&lt;b"),
        ("@<!-- -->octocat", f"@{Z}octocat"),
        ("@&lt;!-- -->octocat", "@&lt;!-- -->octocat"),
    ],
)
def test_what_is_published(given: str, wanted: str) -> None:
    """Nothing pings, hides or loads; code and ordinary words stay as they are."""
    assert publishable(given) == wanted


def test_some_people_may_be_mentioned() -> None:
    """Logins named by us keep their mention."""
    assert publishable("@Ada and @bob", keep=frozenset({"ada"})) == f"@Ada and @{Z}bob"


def test_what_was_left_open_is_closed() -> None:
    """An open fence or details would swallow our footer."""
    assert publishable("```\ncode").endswith("\n```")
    assert publishable("<details>more").endswith("</details>")
    assert publishable("```\na\n```") == "```\na\n```"


@pytest.mark.parametrize(
    "token",
    [
        "ghs_0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_11ABCDEFG0123456789_abcdefghijklmnop",
        "sk-ant-api03-abcdefghijklmnopqrstuv",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-123456789012-abcdefghijkl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop",
    ],
)
def test_token_shapes_are_redacted_in_code_and_prose(token: str) -> None:
    """A token is never published, wherever it stands and whatever hides in it."""
    for text in (f"it is {token} here", f"```\n{token}\n```", f"it is {token[:8]}\u200b{token[8:]}"):
        assert token[10:] not in publishable(text)


def test_known_secrets_are_redacted_in_every_dress() -> None:
    """Plain, base64, percent-encoded and hex forms of a secret we know all go."""
    secret = "hunter2/hunter2"
    text = "hunter2/hunter2 aHVudGVyMi9odW50ZXIy hunter2%2Fhunter2 68756e746572322f68756e74657232"
    assert redact(text, [secret]).split() == ["[redacted]"] * 4


def test_a_title_is_one_quiet_line() -> None:
    """Titles lose line breaks, pings and hidden characters."""
    assert one_line("Fix\n #3\u202e for @bob") == f"Fix #{Z}3 for @{Z}bob"


def test_emoji_keep_their_joiners() -> None:
    """A family stays a family."""
    assert visible("👨‍👩‍👧 ❤️") == "👨‍👩‍👧 ❤️"


@given(st.text(alphabet="`~@#<>!-[]()/abc1 \n\t*_&;\u200b", max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    """Segments lose nothing, and publishing twice changes nothing that pings."""
    assert "".join(part for part, _ in segments(text)) == text
    assert "<!--" not in "".join(part for part, code in segments(publishable(text)) if not code)


@given(st.text(alphabet="`~ab \n>-", max_size=60))
def test_no_mention_escapes_code_tricks(text: str) -> None:
    """Wherever the parser sees prose, an @name is broken."""
    done = publishable(f"{text} @octocat {text}")
    for part, code in segments(done):
        assert code or " @octocat" not in part
