"""What can be put before a prompt: a closed set of sources, each with a cap on its size."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from bot.model.duration import Duration
from bot.model.part import Part, refuse

GithubPart = Literal["comments", "linked", "diff", "files", "checks", "commits"]


class _Source(Part):
    title: str | None = Field(
        default=None, min_length=1, max_length=100, description="The heading it stands under in the prompt."
    )
    max_kb: int = Field(
        default=64, ge=1, le=1024, strict=True, description="At most so many kB; more is cut, with a note."
    )


class GithubContext(_Source):
    """What GitHub knows about the item: comments, linked items, diff, files, checks, recent commits."""

    github: GithubPart = Field(description="Which part of the item.")


def _inside(path: str) -> str:
    if path.startswith(("/", "~")) or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise refuse(
            "not a path inside the repository", "write it from the root of the checkout, like docs/TESTING.md"
        )
    return path


class FileContext(_Source):
    """A file of the checkout."""

    file: Annotated[str, AfterValidator(_inside)] = Field(
        min_length=1, max_length=500, description="A path from the root of the checkout."
    )


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\x00-\x1f]", url):
        raise refuse("not a web address", "write https://host/path; the operator must allow its host")
    if parts.username or parts.password:
        raise refuse("a web address with a user name or password", "the operator sets headers for a host")
    return url


class HttpContext(_Source):
    """The answer of one GET, to a host the operator allows."""

    http: Annotated[str, AfterValidator(_web_address)] = Field(
        min_length=1, max_length=2000, description="The address to GET."
    )


class LinearQuery(Part):
    """Which Linear issues."""

    team: str | None = Field(default=None, min_length=1, max_length=50, description="A team's key, like ENG.")
    project: str | None = Field(default=None, min_length=1, max_length=200, description="Its name.")
    assignee: str | None = Field(
        default=None, min_length=1, max_length=200, description="An e-mail address, or `me`."
    )
    labels: tuple[str, ...] = Field(default=(), max_length=20, description="All of these.")
    states: tuple[str, ...] = Field(
        default=(), max_length=20, description="Names of states, like In Progress."
    )
    updated: Duration | None = Field(default=None, description="Updated within this time.")
    limit: int = Field(default=50, ge=1, le=250, strict=True, description="Issues at most.")


class LinearContext(_Source):
    """Issues of Linear, by the operator's key."""

    linear: Annotated[
        LinearQuery,
        BeforeValidator(
            lambda v: {"team": v} if isinstance(v, str) else v, json_schema_input_type=str | LinearQuery
        ),
    ] = Field(description="A team's key, or a query.")


class DatabaseContext(_Source):
    """The rows of a read-only query on a connection the operator named."""

    database: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The operator's name of the connection."
    )
    query: str = Field(min_length=1, max_length=5000, description="One SELECT.")
    max_rows: int = Field(default=200, ge=1, le=5000, strict=True, description="Rows at most.")


CONTEXT_KEYS = ("github", "file", "http", "linear", "database")


def _source_key(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else type(value).model_fields if isinstance(value, Part) else ()
    named = [key for key in CONTEXT_KEYS if key in keys]
    return named[0] if len(named) == 1 else None


Context = Annotated[
    Annotated[GithubContext, Tag("github")]
    | Annotated[FileContext, Tag("file")]
    | Annotated[HttpContext, Tag("http")]
    | Annotated[LinearContext, Tag("linear")]
    | Annotated[DatabaseContext, Tag("database")],
    Discriminator(
        _source_key,
        custom_error_type="one_source",
        custom_error_message="a source names exactly one of github, file, http, linear, database",
    ),
]
"""One source: closed; `match` on it ends in `assert_never`."""
