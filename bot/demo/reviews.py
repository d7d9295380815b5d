"""Reviews of pull requests and their line comments."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from bot.demo import deeds, pulldeeds, shapes_issues
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.diffs import diff_of_pull
from bot.demo.hunks import lines_of
from bot.demo.issues import since_of
from bot.demo.paging import paged
from bot.demo.pulldeeds import LineNote
from bot.demo.pulls import pull_of
from bot.demo.refusal import Refusal, invalid, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}/pulls"

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def note_of(call: Call, row: r.Issue, entry: Any) -> LineNote:
    """A line comment from a body; 422 when its line is not part of the diff, as GitHub answers."""
    if not isinstance(entry, dict) or not isinstance(entry.get("body"), str) or not entry["body"]:
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    path, side = str(entry.get("path", "")), str(entry.get("side") or "RIGHT")
    line, position = entry.get("line"), entry.get("position")
    change = next((x for x in diff_of_pull(call.core, row) if x.path == path), None)
    if change is None:
        raise Refusal(422, "Unprocessable Entity", ["Path could not be resolved"])
    places = lines_of(change.patch or "")
    if entry.get("subject_type") == "file":
        return LineNote(path, entry["body"])
    if line is None and position is not None:
        found = next((x for x in places if x.position == position), None)
        if found is None:
            raise Refusal(422, "Unprocessable Entity", ["Position could not be resolved"])
        return LineNote(path, entry["body"], found.right or found.left, "RIGHT" if found.right else "LEFT",
                        position=found.position)  # fmt: skip
    wanted = next((x for x in places if (x.right if side == "RIGHT" else x.left) == line), None)
    if line is None or wanted is None:
        raise Refusal(422, "Unprocessable Entity", ["Line could not be resolved"])
    start = entry.get("start_line")
    return LineNote(path, entry["body"], line, side, start, entry.get("start_side") or (side if start else None),
                    position=wanted.position)  # fmt: skip


@router.get(ROOT + "/{number:int}/reviews")
async def list_reviews(call: Call = Depends(enter)) -> Response:
    """Reviews, oldest first; a pending one only to its author."""
    _, row = pull_of(call)
    me = (call.caller.login or "").lower()
    rows = [
        x
        for x in call.core.tables.reviews.under("issue", row.id)
        if x.state != "PENDING" or (x.author or "").lower() == me
    ]
    return paged(call, rows, lambda x: shapes_issues.review(call.core, x))


@router.post(ROOT + "/{number:int}/reviews")
async def create_review(call: Call = Depends(enter)) -> Response:
    """A review; without `event` it stays pending."""
    _, row = pull_of(call, "write")
    body, actor = call.body, call.actor
    event = body.get("event") or "PENDING"
    if event != "PENDING" and event not in STATES:
        raise invalid("PullRequestReview", "event")
    text = body.get("body") or ""
    notes = [note_of(call, row, x) for x in body.get("comments") or []]
    _check_review(row, actor.login, event, text, has_notes=bool(notes))
    review = pulldeeds.submit_review(
        call.core, row, actor, STATES.get(event, "PENDING"), text, notes, commit_id=body.get("commit_id")
    )
    return answer(shapes_issues.review(call.core, review))


def _check_review(row: r.Issue, login: str, event: str, text: str, *, has_notes: bool) -> None:
    own = (row.author or "").lower() == login.lower()
    if own and event == "APPROVE":
        raise Refusal(422, "Unprocessable Entity", ["Can not approve your own pull request"])
    if own and event == "REQUEST_CHANGES":
        raise Refusal(422, "Unprocessable Entity", ["Can not request changes on your own pull request"])
    if (event == "REQUEST_CHANGES" and not text) or (event == "COMMENT" and not text and not has_notes):
        raise invalid("PullRequestReview", "body", "missing_field")


def _review_of(call: Call, grade: str = "read") -> tuple[r.Issue, r.Review]:
    _, row = pull_of(call, grade)
    review = call.core.tables.reviews.get(call.number("review"))
    if review is None or review.issue_id != row.id:
        raise not_found()
    return row, review


@router.get(ROOT + "/{number:int}/reviews/{review}")
async def get_review(call: Call = Depends(enter)) -> Response:
    """One review."""
    return answer(shapes_issues.review(call.core, _review_of(call)[1]))


@router.put(ROOT + "/{number:int}/reviews/{review}")
async def edit_review(call: Call = Depends(enter)) -> Response:
    """Change a review's text."""
    row, review = _review_of(call, "write")
    review.body = call.text("body", "PullRequestReview")
    call.core.tables.reviews.put(review)
    deeds.touch(call.core, row)
    return answer(shapes_issues.review(call.core, review))


@router.delete(ROOT + "/{number:int}/reviews/{review}")
async def delete_review(call: Call = Depends(enter)) -> Response:
    """Delete a pending review."""
    _, review = _review_of(call, "write")
    if review.state != "PENDING":
        raise Refusal(422, "Can not delete a non-pending pull request review")
    for comment in call.core.tables.review_comments.under("review", review.id):
        call.core.tables.review_comments.drop(comment.id)
    shape = shapes_issues.review(call.core, review)
    call.core.tables.reviews.drop(review.id)
    return answer(shape)


@router.post(ROOT + "/{number:int}/reviews/{review}/events")
async def submit_review(call: Call = Depends(enter)) -> Response:
    """Submit a pending review."""
    row, review = _review_of(call, "write")
    event = call.text("event", "PullRequestReview")
    if event not in STATES or review.state != "PENDING":
        raise invalid("PullRequestReview", "event")
    review.state, review.submitted_at = STATES[event], call.core.now()
    review.body = call.body.get("body") or review.body
    call.core.tables.reviews.put(review)
    pulldeeds.publish_review(call.core, row, review, call.actor, review.submitted_at)
    return answer(shapes_issues.review(call.core, review))


@router.put(ROOT + "/{number:int}/reviews/{review}/dismissals")
async def dismiss_review(call: Call = Depends(enter)) -> Response:
    """Dismiss a review."""
    row, review = _review_of(call, "write")
    call.require_role(call.core.repo_of(row), "write")
    message = call.text("message", "PullRequestReview")
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise Refusal(422, "Can not dismiss a commented pull request review")
    review.state = "DISMISSED"
    call.core.tables.reviews.put(review)
    deeds.touch(call.core, row)
    deeds.note(call.core, row, "review_dismissed", call.actor,
               dismissed_review={"review_id": review.id, "dismissal_message": message})  # fmt: skip
    return answer(shapes_issues.review(call.core, review))


@router.get(ROOT + "/{number:int}/reviews/{review}/comments")
async def review_comments(call: Call = Depends(enter)) -> Response:
    """A review's line comments."""
    _, review = _review_of(call)
    rows = call.core.tables.review_comments.under("review", review.id)
    return paged(call, rows, lambda x: shapes_issues.review_comment(call.core, x))


@router.get(ROOT + "/{number:int}/comments")
async def pull_comments(call: Call = Depends(enter)) -> Response:
    """A pull request's line comments."""
    _, row = pull_of(call)
    since = since_of(call) or ""
    rows = [x for x in call.core.tables.review_comments.under("issue", row.id) if x.updated_at >= since]
    return paged(call, rows, lambda x: shapes_issues.review_comment(call.core, x))


@router.get(ROOT + "/comments")
async def repository_line_comments(call: Call = Depends(enter)) -> Response:
    """All line comments of a repository."""
    repo = call.repo("pull_requests:read")
    rows = call.core.tables.review_comments.under("repo", repo.id)
    return paged(call, rows, lambda x: shapes_issues.review_comment(call.core, x))


@router.post(ROOT + "/{number:int}/comments")
async def create_line_comment(call: Call = Depends(enter)) -> Response:
    """A single line comment, or a reply with `in_reply_to`."""
    _, row = pull_of(call, "write")
    body, actor, core = call.body, call.actor, call.core
    if body.get("in_reply_to"):
        comment = _reply(call, row, int(body["in_reply_to"]))
    else:
        note = note_of(call, row, body)
        commit = str(body.get("commit_id") or core.tables.pulls.rows[row.id].head_sha)
        review = pulldeeds.submit_review(core, row, actor, "COMMENTED", "", commit_id=commit)
        comment = pulldeeds.add_line_comment(core, row, actor, note, review_id=review.id, commit_id=commit)
    shape = shapes_issues.review_comment(core, comment)
    return answer(shape, 201, {"location": shape["url"]})


def _reply(call: Call, row: r.Issue, parent_id: int) -> r.ReviewComment:
    parent = call.core.tables.review_comments.get(parent_id)
    if parent is None or parent.issue_id != row.id:
        raise not_found()
    text = call.text("body", "PullRequestReviewComment")
    note = LineNote(parent.path, text, parent.line, parent.side, position=parent.position)
    return pulldeeds.add_line_comment(
        call.core, row, call.actor, note, review_id=parent.review_id, commit_id=parent.commit_id,
        in_reply_to=parent.id,
    )  # fmt: skip


@router.post(ROOT + "/{number:int}/comments/{comment}/replies")
async def reply(call: Call = Depends(enter)) -> Response:
    """Reply to a line comment."""
    _, row = pull_of(call, "write")
    return answer(shapes_issues.review_comment(call.core, _reply(call, row, call.number("comment"))), 201)


def _line_comment_of(call: Call, grade: str = "read") -> r.ReviewComment:
    repo = call.repo(f"pull_requests:{grade}")
    row = call.core.tables.review_comments.get(call.number("comment"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    return row


@router.get(ROOT + "/comments/{comment}")
async def get_line_comment(call: Call = Depends(enter)) -> Response:
    """One line comment."""
    return answer(shapes_issues.review_comment(call.core, _line_comment_of(call)))


@router.patch(ROOT + "/comments/{comment}")
async def edit_line_comment(call: Call = Depends(enter)) -> Response:
    """Change a line comment."""
    row = _line_comment_of(call, "write")
    row.body, row.updated_at = call.text("body", "PullRequestReviewComment"), call.core.now()
    call.core.tables.review_comments.put(row)
    deeds.touch(call.core, call.core.tables.issues.rows[row.issue_id])
    return answer(shapes_issues.review_comment(call.core, row))


@router.delete(ROOT + "/comments/{comment}")
async def delete_line_comment(call: Call = Depends(enter)) -> Response:
    """Delete a line comment."""
    row = _line_comment_of(call, "write")
    call.core.tables.review_comments.drop(row.id)
    deeds.touch(call.core, call.core.tables.issues.rows[row.issue_id])
    return done()
