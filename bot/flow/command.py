"""Comment commands: `/roundsman VERB …` on a line of its own, outside code, quotes and hidden text. Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, get_args

from markdown_it import MarkdownIt
from markdown_it.token import Token

PREFIX = "/roundsman"
MOST = 5
"""Commands of one comment that act."""
Verb = Literal["run", "rerun", "stop", "explain", "ignore", "unignore", "status", "help"]
VERBS: tuple[Verb, ...] = get_args(Verb)
_MARKDOWN = MarkdownIt("commonmark").disable(["emphasis", "link", "image", "autolink", "entity", "escape"])


@dataclass(frozen=True, slots=True)
class CommentCommand:
    """One command; `fault` says what is wrong with it, and what to write."""

    verb: Verb
    argument: str = ""
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of a comment; `alone` where it says nothing else."""

    commands: tuple[CommentCommand, ...] = ()
    alone: bool = False


def read(body: str) -> Commands:
    """Find the commands of a comment."""
    if PREFIX not in body.casefold():
        return Commands()
    lines: list[str] = []
    other = False
    depth = 0
    for token in _MARKDOWN.parse(body[:20_000]):
        depth += token.nesting if token.type != "paragraph_open" and token.type != "paragraph_close" else 0
        if token.type == "inline" and depth == 0:
            lines += _lines(token)
        elif token.type == "inline" or token.type in ("fence", "code_block"):
            other = True
    found = [_command(line) for line in lines if _addressed(line)]
    rest = [line for line in lines if line.strip() and not _addressed(line)]
    return Commands(tuple(found[:MOST]), alone=bool(found) and not rest and not other)


def news(body: str, before: str | None) -> Commands:
    """The commands to act on: of a new comment all, of an edited one those its text before did not have."""
    now = read(body)
    if before is None:
        return now
    had = read(before).commands
    return Commands(tuple(command for command in now.commands if command not in had), now.alone)


def _lines(token: Token) -> list[str]:
    """The lines of a paragraph as text; code stands for itself, so that no command is found inside it."""
    said = ""
    for child in token.children or ():
        match child.type:
            case "softbreak" | "hardbreak":
                said += "\n"
            case "code_inline":
                said += f"`{child.content}`"
            case "html_inline":
                continue
            case _:
                said += child.content
    return said.split("\n")


def _addressed(line: str) -> bool:
    head = line.strip().split(maxsplit=1)[:1]
    return bool(head) and head[0].casefold() == PREFIX


def _command(line: str) -> CommentCommand:
    words = line.strip().split(maxsplit=2)[1:]
    if not words:
        return CommentCommand("help")
    verb, argument = words[0].casefold(), _unquoted(words[1]) if len(words) > 1 else ""
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(VERBS)}"
        return CommentCommand("help", verb[:40], f"there is no command `{_shown(verb)}`{hint}")
    known: Verb = next(each for each in VERBS if each == verb)
    if known == "run" and not argument:
        return CommentCommand("run", "", "name a job or a command: `/roundsman run NAME`")
    return CommentCommand(known, argument)


def _unquoted(text: str) -> str:
    text = text.strip()[:200]
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "`'\"" else text


def _shown(word: str) -> str:
    return "".join(c for c in word[:40] if c.isalnum() or c in "-_")
