"""Pages people read: repositories, issue lists, issues and pull requests with their comments."""

import html
import json
import re
from urllib.parse import quote

import nh3
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from markdown_it import MarkdownIt

from bot.demo import records as r
from bot.demo.core import Core
from bot.demo.diffs import diff_of_pull, pull_base
from bot.demo.gitstore import GitFault
from bot.demo.page import page
from bot.demo.refusal import not_found

router = APIRouter()
_MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": False, "breaks": True}).enable(
    ["table", "strikethrough"]
)
_TAGS = nh3.ALLOWED_TAGS | {"details", "summary", "input"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "details": {"open"}, "input": {"type", "checked", "disabled"}, "code": {"class"}, "td": {"align"}, "th": {"align"},
}  # fmt: skip
EMOJI = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "confused": "😕", "heart": "❤️", "hooray": "🎉", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip


def render(text: str | None, full_name: str | None = None) -> str:
    """Markdown as GitHub shows it: HTML comments gone, scripts gone, `<details>` working, task lists as boxes.

    With the repository's `full_name`, `#12` becomes a link and `@name` stands out.
    """
    source = re.sub(r"^(\s*[-*]\s+)\[( |x)\]", _box, text or "", flags=re.MULTILINE | re.IGNORECASE)
    clean = nh3.clean(_MARKDOWN.render(source), tags=set(_TAGS), attributes=_ATTRIBUTES, strip_comments=True)
    return clean if full_name is None else _linked(clean, full_name)


def _linked(text: str, full_name: str) -> str:
    """Clean HTML with references as links, but not in code and in links."""
    out: list[str] = []
    inside = 0
    for part in re.split(r"(<[^>]+>)", text):
        if part.startswith("<"):
            found = re.match(r"<(/?)(?:a|code|pre)\b", part)
            inside += 0 if found is None else -1 if found[1] else 1
        elif not inside:
            part = re.sub(r"(?<![\w/&#])#(\d{1,9})\b", rf'<a href="/{full_name}/issues/\1">#\1</a>', part)
            part = re.sub(r"(?<![\w/@.])@([A-Za-z0-9][A-Za-z0-9-]{0,38})\b", r"<strong>@\1</strong>", part)
        out.append(part)
    return "".join(out)


def _box(found: re.Match[str]) -> str:
    mark = " checked" if found[2].lower() == "x" else ""
    return f'{found[1]}<input type="checkbox" disabled{mark}>'


def _core(request: Request) -> Core:
    core: Core = request.app.state.core
    return core


def _repo(request: Request, owner: str, name: str) -> tuple[Core, r.Repo]:
    """A repository anyone may look at: the embedded GitHub's pages have no sign-in."""
    core = _core(request)
    repo = core.repo(f"{owner}/{name}")
    if repo is None:
        raise not_found()
    return core, repo


def _head(core: Core, repo: r.Repo) -> str:
    root = f"/{repo.full_name}"
    return (
        f'<p><a href="{root}"><strong>{html.escape(repo.full_name)}</strong></a></p><nav class="tabs">'
        f'<a href="{root}">Code</a><a href="{root}/issues">Issues</a><a href="{root}/pulls">Pull requests</a></nav><hr>'
    )


def _labels(core: Core, row: r.Issue) -> str:
    tags = [x for x in (core.tables.labels.get(i) for i in row.labels) if x is not None]
    return "".join(
        f'<span class="label" style="background:#{html.escape(x.color)}33">{html.escape(x.name)}</span>'
        for x in tags
    )


@router.get("/")
async def home(request: Request) -> Response:
    """All public repositories; JSON for those who ask for it."""
    core = _core(request)
    if "text/html" not in request.headers.get("accept", ""):
        return Response(
            json.dumps({"current_user_url": f"{core.api_url}/user"}), media_type="application/json"
        )
    rows = "".join(
        f'<div class="row"><a class="title" href="/{x.full_name}">{html.escape(x.full_name)}</a> '
        f'<span class="muted">{html.escape(x.description or "")}</span></div>'
        for x in core.tables.repos
        if not x.private
    )
    return HTMLResponse(page(core, "Repositories", f'<h1>Repositories</h1><div class="box">{rows}</div>'))


@router.get("/avatars/{number}")
async def avatar(number: str) -> Response:
    """A coloured square for a face."""
    hue = int(number) * 47 % 360 if number.isdecimal() and len(number) < 19 else 0
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="hsl({hue},55%,55%)"/></svg>'
    return Response(svg, media_type="image/svg+xml")


@router.get("/{owner}/{name}")
async def repository_page(request: Request, owner: str, name: str) -> Response:
    """A repository: its files and README."""
    core, repo = _repo(request, owner, name)
    git = core.git.open(repo.id, repo.default_branch)
    tip = git.resolve(repo.default_branch)
    files = git.text("ls-tree", "--name-only", tip).splitlines() if tip else []
    rows = "".join(
        f'<div class="row"><a href="/{repo.full_name}/blob/{quote(repo.default_branch)}/{quote(x)}">{html.escape(x)}</a></div>'
        for x in files
    )
    readme = ""
    if tip and "README.md" in files:
        readme = (
            f'<div class="box"><div class="body">{render(git.text("show", f"{tip}:README.md"))}</div></div>'
        )
    about = f'<p class="muted">{html.escape(repo.description or "")}</p>'
    return HTMLResponse(
        page(core, repo.full_name, f'{_head(core, repo)}{about}<div class="box">{rows}</div>{readme}')
    )


@router.get("/{owner}/{name}/issues")
@router.get("/{owner}/{name}/pulls")
async def list_page(request: Request, owner: str, name: str) -> Response:
    """Open issues or pull requests, newest first, or closed ones with `?state=closed`."""
    core, repo = _repo(request, owner, name)
    pulls = request.url.path.endswith("/pulls")
    state = "closed" if request.query_params.get("state") == "closed" else "open"
    items = [x for x in core.tables.issues.under("repo", repo.id) if x.is_pull == pulls]
    shown = sorted((x for x in items if x.state == state), key=lambda x: -x.number)[:500]
    rows = "".join(_item_row(core, repo, x) for x in shown) or '<div class="row muted">Nothing here.</div>'
    opened = sum(x.state == "open" for x in items)
    counts = (
        f'<a href="?state=open">{opened} Open</a> · <a href="?state=closed">{len(items) - opened} Closed</a>'
    )
    body = f'{_head(core, repo)}<div class="box"><div class="head">{counts}</div>{rows}</div>'
    return HTMLResponse(page(core, f"Issues · {repo.full_name}", body))


def _item_row(core: Core, repo: r.Repo, row: r.Issue) -> str:
    kind = "pull" if row.is_pull else "issues"
    talk = f" · 💬 {row.comments}" if row.comments else ""
    return (
        f'<div class="row"><a class="title" href="/{repo.full_name}/{kind}/{row.number}">{html.escape(row.title)}</a>'
        f'{_labels(core, row)}<div class="muted">#{row.number} opened on {row.created_at[:10]} by '
        f"{html.escape(row.author or 'ghost')}{talk}</div></div>"
    )


def _box_of(
    core: Core, row: r.Issue, author: str | None, at: str, body: str | None, reactions: dict[str, int], anchor: str,
    verb: str,
) -> str:  # fmt: skip
    shown = "".join(f"<span>{EMOJI[k]} {v}</span>" for k, v in reactions.items() if v and k in EMOJI)
    rolled = f'<div class="reactions">{shown}</div>' if shown else ""
    text = (
        render(body, core.repo_of(row).full_name) or '<p class="muted"><em>No description provided.</em></p>'
    )
    return (
        f'<div class="box" id="{anchor}"><div class="head">{_face(core, author)}'
        f"<strong>{html.escape(author or 'ghost')}</strong>{_bot(author)} "
        f'{verb} on <a href="#{anchor}">{at[:16].replace("T", " ")}</a></div>'
        f'<div class="body">{text}{rolled}</div></div>'
    )


def _face(core: Core, author: str | None) -> str:
    user = core.user(author or "")
    return "" if user is None else f'<img class="face" alt="" src="/avatars/{user.id}">'


def _bot(author: str | None) -> str:
    return '<span class="label">bot</span>' if (author or "").endswith("[bot]") else ""


@router.get("/{owner}/{name}/issues/{number:int}")
@router.get("/{owner}/{name}/pull/{number:int}")
async def item_page(request: Request, owner: str, name: str, number: int) -> Response:
    """An issue or pull request with its comments, reviews and changed files."""
    core, repo = _repo(request, owner, name)
    row = core.issue(repo, number)
    if row is None:
        raise not_found()
    body = _head(core, repo) + _title(core, row)
    body += _box_of(
        core, row, row.author, row.created_at, row.body, row.reactions, f"issue-{row.id}", "opened"
    )
    body += "".join(text for _, text in sorted(_talk(core, row)))
    if row.is_pull:
        body += _files(core, row)
    return HTMLResponse(page(core, f"{row.title} · #{row.number}", body))


def _title(core: Core, row: r.Issue) -> str:
    merged = row.is_pull and core.tables.pulls.rows[row.id].merged_at is not None
    state = "Merged" if merged else row.state.capitalize()
    look = "" if row.state == "open" else " shut" if row.is_pull and not merged else " closed"
    people = f" · assigned to {html.escape(', '.join(row.assignees))}" if row.assignees else ""
    return (
        f'<h1>{html.escape(row.title)} <span class="number">#{row.number}</span></h1>'
        f'<p><span class="state{look}">{state}</span> {_labels(core, row)}<span class="muted">{people}</span></p>'
    )


def _talk(core: Core, row: r.Issue) -> list[tuple[str, str]]:
    """Comments and reviews with the time they belong to."""
    out = []
    for comment in core.tables.comments.under("issue", row.id):
        shown = _box_of(core, row, comment.author, comment.created_at, comment.body, comment.reactions,
                        f"issuecomment-{comment.id}", "commented")  # fmt: skip
        if comment.minimized:
            shown = f'<details class="box"><summary class="head">This comment was marked as {html.escape(comment.minimized)}.</summary>{shown}</details>'
        out.append((comment.created_at, shown))
    reviews = core.tables.reviews.under("issue", row.id)
    return out + [(x.submitted_at, _review(core, x)) for x in reviews if x.submitted_at is not None]


def _review(core: Core, review: r.Review) -> str:
    verb = {"APPROVED": "approved these changes", "CHANGES_REQUESTED": "requested changes"}.get(
        review.state, "reviewed"
    )
    notes = "".join(
        f'<div class="box"><div class="head">{html.escape(x.path)} line {x.line or x.position or ""}</div>'
        f'<div class="body" id="discussion_r{x.id}">{render(x.body)}</div></div>'
        for x in core.tables.review_comments.under("review", review.id)
    )
    anchor = f"pullrequestreview-{review.id}"
    row = core.tables.issues.rows[review.issue_id]
    return (
        _box_of(core, row, review.author, review.submitted_at or "", review.body or " ", {}, anchor, verb)
        + notes
    )


def _files(core: Core, row: r.Issue) -> str:
    out = []
    for change in diff_of_pull(core, row):
        lines = "".join(
            f'<span class="{"add" if x.startswith("+") else "del" if x.startswith("-") else ""}">{html.escape(x)}</span>'
            for x in (change.patch or "Binary file").splitlines()[:2000]
        )
        out.append(
            f'<div class="box"><div class="head"><strong>{html.escape(change.path)}</strong> '
            f'+{change.additions} −{change.deletions}</div><pre class="diff">{lines}</pre></div>'
        )
    return f'<h2 id="files">Files changed</h2>{"".join(out)}' if out else ""


@router.get("/{owner}/{name}/pull/{number:int}/files")
async def files_page(request: Request, owner: str, name: str, number: int) -> Response:
    """The changed files of a pull request."""
    core, repo = _repo(request, owner, name)
    row = core.issue(repo, number)
    if row is None or not row.is_pull:
        raise not_found()
    return HTMLResponse(page(core, row.title, _head(core, repo) + _title(core, row) + _files(core, row)))


@router.get("/{owner}/{name}/pull/{number:int}.{kind}")
async def pull_text(request: Request, owner: str, name: str, number: int, kind: str) -> Response:
    """`.diff` and `.patch`."""
    core, repo = _repo(request, owner, name)
    row = core.issue(repo, number)
    found = pull_base(core, row) if row is not None and row.is_pull else None
    if found is None or kind not in ("diff", "patch"):
        raise not_found()
    git, base, head = found
    raw = (
        git.run("diff", base, head)
        if kind == "diff"
        else git.run("format-patch", "--stdout", f"{base}..{head}")
    )
    return PlainTextResponse(raw)


@router.get("/{owner}/{name}/blob/{place:path}")
@router.get("/{owner}/{name}/raw/{place:path}")
async def blob_page(request: Request, owner: str, name: str, place: str) -> Response:
    """A file of a branch or commit."""
    core, repo = _repo(request, owner, name)
    git = core.git.open(repo.id, repo.default_branch)
    parts = place.split("/")
    for cut in range(1, len(parts)):
        sha = git.resolve("/".join(parts[:cut]))
        if sha is None:
            continue
        try:
            raw = git.run("cat-file", "blob", f"{sha}:{'/'.join(parts[cut:])}")
        except GitFault:
            continue
        if "/raw/" in request.url.path:
            return PlainTextResponse(raw)
        return HTMLResponse(page(core, place, _head(core, repo) + _code(raw)))
    raise not_found()


def _code(raw: bytes) -> str:
    lines = raw.decode(errors="replace").splitlines()
    shown = "".join(f'<span id="L{n}">{n:>5}  {html.escape(x)}</span>' for n, x in enumerate(lines, 1))
    return f'<div class="box"><pre class="diff">{shown}</pre></div>'


@router.get("/{owner}/{name}/commit/{sha}")
async def commit_page(request: Request, owner: str, name: str, sha: str) -> Response:
    """A commit with its diff."""
    core, repo = _repo(request, owner, name)
    git = core.git.open(repo.id, repo.default_branch)
    found = git.resolve(sha)
    if found is None:
        raise not_found()
    text = git.text("show", "--no-color", found)
    return HTMLResponse(page(core, sha[:12], _head(core, repo) + _code(text.encode())))
