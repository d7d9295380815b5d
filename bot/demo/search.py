"""`/search/issues` with GitHub's quirks: limits, at most 1,000 results, silence about what it does not know."""

from fastapi import APIRouter, Depends, Response

from bot.demo import records as r
from bot.demo import shapes_issues
from bot.demo.call import Call, answer, enter
from bot.demo.core import Core
from bot.demo.ids import iso
from bot.demo.paging import link_header, window
from bot.demo.refusal import Refusal, invalid
from bot.demo.searchquery import Leaf, Reader, check_size, leaves, tokens
from bot.demo.searchterms import Searcher

router = APIRouter()


def visible_repos(call: Call) -> list[r.Repo]:
    """What the caller may see."""
    return [x for x in call.core.tables.repos if _sees(call, x)]


def _sees(call: Call, repo: r.Repo) -> bool:
    try:
        call.allow(repo, "metadata:read")
    except Refusal:
        return False
    return True


def find(core: Core, query: str, repos: list[r.Repo], me: str | None) -> tuple[list[r.Issue], str | None]:
    """Items that fit, and the `sort:` of the query. Raises Refusal for what GitHub refuses."""
    parts = tokens(query)
    check_size(query, parts)
    tree = Reader(parts).read()
    found = leaves(tree)
    _check_places(found, repos)
    scopes = tuple(v.lower() for x in found if x.name == "in" for v in x.values)
    searcher = Searcher(core, me, scopes)
    seen = {x.id for x in repos}
    indexed = iso(core.clock() - core.search_lag) if core.search_lag else None
    rows = [
        x
        for x in core.tables.issues
        if x.repo_id in seen and (indexed is None or x.created_at <= indexed) and searcher.fits(tree, x)
    ]
    sort = next((x.values[0] for x in found if x.name == "sort"), None)
    return rows, sort


def _check_places(found: list[Leaf], repos: list[r.Repo]) -> None:
    names, owners = {x.full_name.lower() for x in repos}, {x.owner.lower() for x in repos}
    asked = [(x.name, v.lower()) for x in found for v in x.values if x.name in ("repo", "org", "user")]
    if asked and not any(v in (names if kind == "repo" else owners) or v == "@me" for kind, v in asked):
        raise invalid(
            "Search", "q", "invalid",
            "The listed users and repositories cannot be searched either because the resources do not exist or you do not have permission to view them.",
        )  # fmt: skip


def ordered(rows: list[r.Issue], sort: str, *, descending: bool) -> list[r.Issue]:
    """By the key asked for; best match is newest here."""
    keys = {
        "created": lambda x: (x.created_at, x.id),
        "updated": lambda x: (x.updated_at, x.id),
        "comments": lambda x: (x.comments, x.id),
        "reactions": lambda x: (sum(x.reactions.values()), x.id),
        "interactions": lambda x: (x.comments + sum(x.reactions.values()), x.id),
    }
    if sort.startswith("reactions-"):
        name = {"smile": "laugh", "tada": "hooray", "thinking_face": "confused"}.get(sort[10:], sort[10:])
        return sorted(rows, key=lambda x: (x.reactions.get(name, 0), x.id), reverse=descending)
    return sorted(rows, key=keys.get(sort, keys["created"]), reverse=descending)


@router.get("/search/issues")
async def search_issues(call: Call = Depends(enter)) -> Response:
    """Search issues and pull requests."""
    query = call.query("q")
    if not query.strip():
        raise invalid("Search", "q", "missing")
    page, per_page = window(call)
    if (page - 1) * per_page >= 1000:
        raise Refusal(422, "Only the first 1000 search results are available")
    rows, sort = find(call.core, query, visible_repos(call), call.caller.login)
    key, _, way = _sort(call, sort).partition("|")
    rows = ordered(rows, key, descending=way != "asc")
    return _first_thousand(call, rows)


def _sort(call: Call, inside: str | None) -> str:
    if inside is None:
        return f"{call.query('sort') or 'created'}|{call.query('order') or 'desc'}"
    key, dash, way = inside.rpartition("-")
    return f"{key}|{way}" if dash and way in ("asc", "desc") else f"{inside}|desc"


def _first_thousand(call: Call, rows: list[r.Issue]) -> Response:
    repos = call.core.tables.repos.rows

    def shape(row: r.Issue) -> dict[str, object]:
        return {**shapes_issues.issue(call.core, row, repos[row.repo_id]), "score": 1.0}

    page, per_page = window(call)
    shown = rows[:1000]
    part = shown[(page - 1) * per_page : page * per_page]
    body = {"total_count": len(rows), "incomplete_results": False, "items": [shape(x) for x in part]}
    return answer(body, headers=link_header(call, page, per_page, len(shown)))
