"""Text of an agent made fit to publish: nothing hidden, no secret, no ping, no broken page."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Sequence
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.token import Token

BREAK = "\u200b"
"""Put after `@` and `#`: GitHub then links and notifies nobody, and people see the same text."""

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_COMMENT = re.compile(r"<!--.*?(?:-->|--!>)", re.DOTALL)
_DEFINITION = re.compile(r"^ {0,3}\[(?://|comment|#|_)?\]:[^\n]*$", re.MULTILINE | re.IGNORECASE)
_IMAGE = re.compile(r"!\[([^\]\n]{0,500})\](?=[\[(])")
_TAG = re.compile(r"<(?=[/!?a-zA-Z])(/?)([a-zA-Z][a-zA-Z0-9-]*)?((?:\"[^\"]*\"|'[^']*'|[^'\">])*>)?")
_TAGS = frozenset(
    [
        "details",
        "summary",
        "b",
        "i",
        "em",
        "strong",
        "code",
        "pre",
        "br",
        "hr",
        "kbd",
        "sub",
        "sup",
        "del",
        "ins",
        "ul",
        "ol",
        "li",
        "p",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
)
_ENTITY = re.compile(
    r"&(?:#0*(?:64|35);?|#[xX]0*(?:40|23);?|commat;|num;|#0*60;?|#[xX]0*3[cC];?|lt;?(?=!--))"
)
_MENTION = re.compile(r"(?<![A-Za-z0-9_`/])@(?=[A-Za-z0-9])")
_REFERENCE = re.compile(r"#(?=[0-9])")
_GH = re.compile(r"\b(GH)-(?=[0-9])", re.IGNORECASE)
_LINK = re.compile(
    r"https?://(?:www\.)?github\.com/(?=[\w.-]+/[\w.-]+/(?:issues|pull|discussions|commit)/)", re.I
)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_INVISIBLE = frozenset(
    [
        0x034F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x3164,
        0xFFA0,
        0x2800,
        *range(0x180B, 0x1810),
        *range(0xE0000, 0xE1000),
    ]
)

TOKEN_SHAPES = re.compile(
    r"""gh[pousr]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{20,}|sk-ant-[A-Za-z0-9_-]{16,}
    |\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}
    |\bxox[abeoprs]-[A-Za-z0-9-]{10,}|https://hooks\.slack\.com/services/[A-Za-z0-9/]{20,}
    |\bglpat-[A-Za-z0-9_-]{16,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{30,}|\bhf_[A-Za-z0-9]{30,}
    |\b[sr]k_live_[A-Za-z0-9]{16,}|\bya29\.[A-Za-z0-9_-]{20,}|\blin_api_[A-Za-z0-9]{20,}
    |\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
    |-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----(?:.*?-----END\ [A-Z ]*PRIVATE\ KEY-----|[^-]*)""",
    re.VERBOSE | re.DOTALL,
)
REDACTED = "[redacted]"


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """Replace every secret we know (also in base64 and percent-encoded) and every known token shape."""
    for secret in sorted((form for s in secrets if len(s) >= 6 for form in _forms(s)), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return TOKEN_SHAPES.sub(REDACTED, text)


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    return {secret, quote(secret, safe=""), base64.b64encode(raw).decode().rstrip("="), raw.hex()}


def visible(text: str) -> str:
    """Drop control, invisible and bidirectional characters; emoji keep their joiners."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for i, c in enumerate(text) if _shown(c, text[i - 1] if i else ""))


def _shown(char: str, before: str) -> bool:
    if char in "\n\t":
        return True
    if char in "\u200d\ufe0f":
        return bool(before) and ord(before) > 0x2190 and before != char
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"} and ord(char) not in _INVISIBLE


def publishable(text: str, *, secrets: Sequence[str] = (), keep: frozenset[str] = frozenset()) -> str:
    """Make Markdown of an agent fit to be posted under our name.

    Comments and invisible characters go, secrets are redacted, mentions and references ping nobody (`keep` names
    logins that may be mentioned), images become links, tags outside a short list are shown as text, and what was
    left open (a fence, a `<details>`) is closed. Code is left as it is.
    """
    text = redact(visible(text), secrets)
    text = _on_prose(text, _plain_entities)
    text = _on_prose(text, _unhidden)
    text = _on_prose(text, lambda prose: neutral(prose, keep))
    return _closed(text).strip()


def one_line(text: str, *, secrets: Sequence[str] = (), most: int = 256) -> str:
    """Make a title fit to be posted: one visible line, no secret, no ping."""
    line = " ".join(redact(visible(text), secrets).split())
    return neutral(line)[:most].strip()


def neutral(prose: str, keep: frozenset[str] = frozenset()) -> str:
    """Break mentions, references and links that GitHub would turn into notifications or back-references."""

    def mention(match: re.Match[str]) -> str:
        name = re.match(r"[A-Za-z0-9-]+(?:/[\w.-]+)?", prose[match.end() :])
        return "@" if name and name.group().lower() in keep else "@" + BREAK

    prose = _MENTION.sub(mention, prose)
    prose = _LINK.sub("https://redirect.github.com/", prose)
    return _GH.sub(rf"\1{BREAK}-", _REFERENCE.sub("#" + BREAK, prose))


def _plain_entities(prose: str) -> str:
    """Write entities of `@`, `#` and `<` as what they are, so that the later rules see them."""

    def plain(match: re.Match[str]) -> str:
        word = match.group().lower().rstrip(";")
        if word in {"&commat"} or word.endswith(("64", "x40")) or re.fullmatch(r"&#x0*40", word):
            return "@"
        if word in {"&num"} or word.endswith("35") or re.fullmatch(r"&#x0*23", word):
            return "#"
        return "&lt;"

    return _ENTITY.sub(plain, prose)


def _unhidden(prose: str) -> str:
    previous = ""
    while previous != prose:
        previous, prose = prose, _COMMENT.sub("", prose)
    prose = _DEFINITION.sub("", prose)
    prose = _IMAGE.sub(lambda m: f"[image: {m.group(1)}]" if m.group(1) else "[image]", prose)
    return _TAG.sub(_known_tag, prose)


def _known_tag(match: re.Match[str]) -> str:
    """Keep the tags people format with, without attributes; show every other as text."""
    slash, name, rest = match.group(1), (match.group(2) or "").lower(), match.group(3)
    if name in _TAGS and rest:
        return f"<{slash}{name}{' open' if name == 'details' and 'open' in rest and not slash else ''}>"
    if not slash and name in {"http", "https", "mailto"} and rest and rest.startswith(":"):
        return match.group()
    return "&lt;" + match.group()[1:]


def _closed(text: str) -> str:
    """Close what would otherwise swallow the words that follow ours."""
    tokens = _MARKDOWN.parse(text)
    last = next((t for t in reversed(tokens) if t.type == "fence"), None)
    lines = text.split("\n")
    if last is not None and last.map is not None and last.map[1] >= len(lines):
        closing = re.compile(rf"^\s*(?:>\s*)*{re.escape(last.markup[0])}{{{len(last.markup)},}}\s*$")
        if last.map[1] - last.map[0] < 2 or not closing.match(lines[-1].rstrip() or lines[-2]):
            text = f"{text}\n{last.markup}"
    prose = "".join(part for part, code in segments(text) if not code).lower()
    for name in ("details", "table", "blockquote", "pre", "code", "ul", "ol"):
        missing = len(re.findall(rf"<{name}\b", prose)) - prose.count(f"</{name}>")
        text += f"\n\n</{name}>" * min(max(missing, 0), 50)
    return text


def _on_prose(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if code else change(part) for part, code in segments(text))


def segments(text: str) -> list[tuple[str, bool]]:
    """Split Markdown into (text, is code), as CommonMark sees it; where in doubt it is no code."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    spans = sorted(
        (
            (starts[t.map[0]], starts[t.map[1]], t)
            for t in _MARKDOWN.parse(text)
            if t.map is not None and t.type in {"fence", "code_block", "inline"}
        ),
        key=lambda span: span[:2],
    )
    parts: list[tuple[str, bool]] = []
    at = 0
    for start, end, token in spans:
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        parts.append((text[at:start], False))
        block = text[start:end]
        parts += [(block, True)] if token.type != "inline" else _inline(block, token)
        at = end
    parts.append((text[at:], False))
    return [(part, code) for part, code in _joined(parts) if part]


def _inline(block: str, token: Token) -> list[tuple[str, bool]]:
    """Split a paragraph at its code spans, only where the parser agrees on every one of them."""
    seen = [t.content for t in token.children or [] if t.type == "code_inline"]
    found = list(_SPAN.finditer(block))
    if not seen or [m.group(2).replace("\n", " ").strip() for m in found] != [s.strip() for s in seen]:
        return [(block, False)]
    parts: list[tuple[str, bool]] = []
    at = 0
    for match in found:
        parts += [(block[at : match.start()], False), (match.group(), True)]
        at = match.end()
    return [*parts, (block[at:], False)]


def _joined(parts: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Join neighbours of one kind, so that no rule is cheated by a cut in its middle."""
    joined: list[tuple[str, bool]] = []
    for part, code in parts:
        if joined and joined[-1][1] == code:
            joined[-1] = (joined[-1][0] + part, code)
        elif part:
            joined.append((part, code))
    return joined
