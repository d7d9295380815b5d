"""Pages and the Link header, in both of GitHub's URL styles."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi.responses import JSONResponse

from bot.demo.call import Call

T = TypeVar("T")


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else default


def window(call: Call, *, most: int = 100) -> tuple[int, int]:
    """`page` and `per_page`; odd values fall back as GitHub's do."""
    per_page = min(max(_whole(call.query("per_page"), 30), 1), most)
    return max(_whole(call.query("page"), 1), 1), per_page


def link_header(call: Call, page: int, per_page: int, total: int) -> dict[str, str]:
    """`Link` with first, prev, next and last where they exist."""
    last = max(1, -(-total // per_page))
    pages: dict[str, int] = {}
    if page > 1:
        pages |= {"prev": min(page - 1, last), "first": 1}
    if page < last:
        pages |= {"next": page + 1, "last": last}
    if not pages:
        return {}
    return {"link": ", ".join(f'<{_url(call, n)}>; rel="{rel}"' for rel, n in pages.items())}


def _url(call: Call, page: int) -> str:
    scope, url = call.request.scope, call.request.url
    path = scope.get("asked_path", url.path)
    if call.core.numeric_links and "owner" in call.request.path_params:
        repo = call.core.repo(f"{call.param('owner')}/{call.param('name')}")
        if repo is not None:
            path = re.sub(r"/repos/[^/]+/[^/]+", f"/repositories/{repo.id}", path, count=1)
    query = [(k, v) for k, v in call.request.query_params.multi_items() if k != "page"]
    return f"{url.scheme}://{url.netloc}{path}?{urlencode([*query, ('page', str(page))])}"


def paged(call: Call, rows: Sequence[T], shape: Callable[[T], Any]) -> JSONResponse:
    """One page of a list as a JSON array with Link."""
    page, per_page = window(call)
    part = rows[(page - 1) * per_page : page * per_page]
    return JSONResponse([shape(x) for x in part], headers=link_header(call, page, per_page, len(rows)))


def counted(call: Call, key: str, rows: Sequence[T], shape: Callable[[T], Any], **more: Any) -> JSONResponse:
    """One page of a list as `{total_count, key: [...]}` with Link."""
    page, per_page = window(call)
    part = rows[(page - 1) * per_page : page * per_page]
    body = {"total_count": len(rows), **more, key: [shape(x) for x in part]}
    return JSONResponse(body, headers=link_header(call, page, per_page, len(rows)))
