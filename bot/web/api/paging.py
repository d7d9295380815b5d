"""Pages of lists, with GitHub's own `Link` header. Source: https://www.rfc-editor.org/rfc/rfc8288"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request, Response


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list."""

    page: int
    limit: int


def _page(
    page: Annotated[int, Query(ge=1, le=100_000, description="Which page, from 1.")] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description="How many a page.")] = 20,
) -> Page:
    return Page(page, limit)


Paged = Annotated[Page, Depends(_page)]


def linked(request: Request, response: Response, page: Page, total: int) -> None:
    """Say how many there are and where the neighbours are."""
    last = max(1, -(-total // page.limit))
    places = {"first": 1, "prev": page.page - 1, "next": page.page + 1, "last": last}
    wanted = {
        "first": page.page > 1,
        "prev": 1 < page.page <= last + 1,
        "next": page.page < last,
        "last": page.page < last,
    }
    links = [
        f'<{request.url.include_query_params(page=number, limit=page.limit)}>; rel="{name}"'
        for name, number in places.items()
        if wanted[name]
    ]
    if links:
        response.headers["Link"] = ", ".join(links)
    response.headers["X-Total-Count"] = str(total)
