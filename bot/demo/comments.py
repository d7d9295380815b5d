"""Comments on issues and pull requests, and reactions on all that can be reacted to."""

from fastapi import APIRouter, Depends, Response

from bot.demo import deeds, shapes_issues
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.core import at_least
from bot.demo.issues import since_of
from bot.demo.paging import paged
from bot.demo.refusal import Refusal, invalid, not_found
from bot.demo.shapes import REACTIONS

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def _needs(issue: r.Issue, grade: str) -> list[str]:
    return [f"issues:{grade}"] + ([f"pull_requests:{grade}"] if issue.is_pull else [])


def comment_of(call: Call, grade: str = "read") -> r.Comment:
    """The comment of the path."""
    repo = call.repo()
    row = call.core.tables.comments.get(call.number("comment"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    call.allow(repo, *_needs(call.core.tables.issues.rows[row.issue_id], grade))
    return row


@router.get(ROOT + "/issues/{number:int}/comments")
async def list_comments(call: Call = Depends(enter)) -> Response:
    """An item's comments, oldest first."""
    _, row = call.issue()
    since = since_of(call) or ""
    rows = [x for x in call.core.tables.comments.under("issue", row.id) if x.updated_at >= since]
    return paged(call, sorted(rows, key=lambda x: x.id), lambda x: shapes_issues.comment(call.core, x))


@router.post(ROOT + "/issues/{number:int}/comments")
async def create_comment(call: Call = Depends(enter)) -> Response:
    """A new comment; a locked conversation is for those with write access."""
    repo, row = call.issue("write")
    actor, body = call.actor, call.text("body", "IssueComment")
    if row.locked and not call.has_role(repo, "write"):
        raise Refusal(403, "Unable to create comment because issue is locked.")
    shape = shapes_issues.comment(call.core, deeds.add_comment(call.core, row, actor, body))
    return answer(shape, 201, {"location": shape["url"]})


@router.get(ROOT + "/issues/comments")
async def repository_comments(call: Call = Depends(enter)) -> Response:
    """All comments of a repository, by id unless sorted."""
    repo = call.repo("issues:read", "pull_requests:read")
    since = since_of(call) or ""
    rows = [x for x in call.core.tables.comments.under("repo", repo.id) if x.updated_at >= since]
    sort = call.query("sort")
    if sort in ("created", "updated"):
        rows.sort(
            key=lambda x: (getattr(x, f"{sort}_at"), x.id), reverse=call.query("direction", "desc") != "asc"
        )
    return paged(call, rows, lambda x: shapes_issues.comment(call.core, x))


@router.get(ROOT + "/issues/comments/{comment}")
async def get_comment(call: Call = Depends(enter)) -> Response:
    """One comment."""
    return answer(shapes_issues.comment(call.core, comment_of(call)))


def _own_or_maintained(call: Call, row: r.Comment) -> None:
    """People change their own; maintainers change all; an App changes its own and, with write, others'."""
    if call.caller.kind == "installation":
        return
    login = call.actor.login.lower()
    role = call.core.role(call.core.repo_of(row), login)
    if login != (row.author or "").lower() and not at_least(role, "write"):
        raise Refusal(403, "Must have admin rights to Repository.")


@router.patch(ROOT + "/issues/comments/{comment}")
async def edit_comment(call: Call = Depends(enter)) -> Response:
    """Change a comment."""
    row = comment_of(call, "write")
    _own_or_maintained(call, row)
    deeds.edit_comment(call.core, row, call.text("body", "IssueComment"), call.actor)
    return answer(shapes_issues.comment(call.core, row))


@router.delete(ROOT + "/issues/comments/{comment}")
async def delete_comment(call: Call = Depends(enter)) -> Response:
    """Delete a comment."""
    row = comment_of(call, "write")
    _own_or_maintained(call, row)
    deeds.delete_comment(call.core, row, call.actor)
    return done()


def _review_comment_of(call: Call, grade: str = "read") -> r.ReviewComment:
    repo = call.repo(f"pull_requests:{grade}")
    row = call.core.tables.review_comments.get(call.number("comment"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    return row


def _list(call: Call, subject: deeds.Subject) -> Response:
    rows = call.core.tables.reactions.under("subject", (deeds.subject_kind(subject), subject.id))
    wanted = call.query("content")
    kept = [x for x in rows if not wanted or x.content == wanted]
    return paged(call, kept, lambda x: shapes_issues.reaction(call.core, x))


def _react(call: Call, subject: deeds.Subject) -> Response:
    content = call.text("content", "Reaction")
    if content not in REACTIONS:
        raise invalid("Reaction", "content")
    row, new = deeds.react(call.core, subject, call.actor.login, content)
    return answer(shapes_issues.reaction(call.core, row), 201 if new else 200)


def _unreact(call: Call, subject: deeds.Subject) -> Response:
    row = call.core.tables.reactions.get(call.number("reaction"))
    if row is None or (row.subject, row.subject_id) != (deeds.subject_kind(subject), subject.id):
        raise not_found()
    if row.user.lower() != call.actor.login.lower():
        raise Refusal(403, "You don't have permission to delete this reaction.")
    deeds.unreact(call.core, subject, row)
    return done()


@router.get(ROOT + "/issues/{number:int}/reactions")
async def issue_reactions(call: Call = Depends(enter)) -> Response:
    """Reactions on an item."""
    return _list(call, call.issue()[1])


@router.post(ROOT + "/issues/{number:int}/reactions")
async def react_to_issue(call: Call = Depends(enter)) -> Response:
    """React to an item."""
    return _react(call, call.issue("write")[1])


@router.delete(ROOT + "/issues/{number:int}/reactions/{reaction}")
async def unreact_issue(call: Call = Depends(enter)) -> Response:
    """Take a reaction back."""
    return _unreact(call, call.issue("write")[1])


@router.get(ROOT + "/issues/comments/{comment}/reactions")
async def comment_reactions(call: Call = Depends(enter)) -> Response:
    """Reactions on a comment."""
    return _list(call, comment_of(call))


@router.post(ROOT + "/issues/comments/{comment}/reactions")
async def react_to_comment(call: Call = Depends(enter)) -> Response:
    """React to a comment."""
    return _react(call, comment_of(call, "write"))


@router.delete(ROOT + "/issues/comments/{comment}/reactions/{reaction}")
async def unreact_comment(call: Call = Depends(enter)) -> Response:
    """Take a reaction back."""
    return _unreact(call, comment_of(call, "write"))


@router.get(ROOT + "/pulls/comments/{comment}/reactions")
async def review_comment_reactions(call: Call = Depends(enter)) -> Response:
    """Reactions on a line comment."""
    return _list(call, _review_comment_of(call))


@router.post(ROOT + "/pulls/comments/{comment}/reactions")
async def react_to_review_comment(call: Call = Depends(enter)) -> Response:
    """React to a line comment."""
    return _react(call, _review_comment_of(call, "write"))


@router.delete(ROOT + "/pulls/comments/{comment}/reactions/{reaction}")
async def unreact_review_comment(call: Call = Depends(enter)) -> Response:
    """Take a reaction back."""
    return _unreact(call, _review_comment_of(call, "write"))
