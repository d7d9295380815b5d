"""Reviews: comments on changed lines where the diff has them, in the body where not; a marker in the body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.github import ours
from bot.github.answers import Answer
from bot.github.client import Client, moment
from bot.github.lines import Lines, lines_of
from bot.model.item import RepositoryRef
from bot.model.outcome import InlineComment, Review
from bot.ports import Refusal, Written

MOST = 65_000


async def submit(
    client: Client, repository: RepositoryRef, number: int, review: Review, key: str, head: str | None
) -> Written | Refusal:
    """Review the pull request once, at commit `head`."""
    mark = ours.mark_of(ours.name_of(key, review))
    path = f"pulls/{number}/reviews"
    there = await ours.first(client, repository, path, mark)
    if isinstance(there, Refusal):
        return there
    if there is not None:
        return _written(client, there, found=True)
    files = await client.rows(repository, f"pulls/{number}/files") if review.comments else []
    if isinstance(files, Refusal):
        return files
    inline, elsewhere = _sorted_out(review.comments, lines_of(files))
    answer = await _post(client, repository, path, review, inline, elsewhere, mark, head)
    if isinstance(answer, Refusal) and answer.kind == "invalid" and inline:
        # The diff moved between our look and our write: say it all in the body rather than nothing at all.
        answer = await _post(client, repository, path, review, (), review.comments, mark, head)
    return answer if isinstance(answer, Refusal) else _written(client, answer.object)


async def _post(
    client: Client,
    repository: RepositoryRef,
    path: str,
    review: Review,
    inline: Sequence[InlineComment],
    elsewhere: Sequence[InlineComment],
    mark: str,
    head: str | None,
) -> Answer | Refusal:
    body: dict[str, Any] = {
        "event": review.event,
        "body": _body(review.body, elsewhere, mark),
        "comments": [_inline(comment) for comment in inline],
    }
    if head:
        body["commit_id"] = head
    return await client.write(repository, "POST", path, need="review", json=body)


def _sorted_out(
    comments: Sequence[InlineComment], lines: Lines
) -> tuple[list[InlineComment], list[InlineComment]]:
    """Split into comments on lines the diff shows and the others; a range begins where the diff shows it, too."""
    inline, elsewhere = [], []
    for comment in comments:
        shown = lines.get(comment.path, {}).get(comment.side, frozenset())
        if comment.line not in shown:
            elsewhere.append(comment)
        elif comment.start_line is None or (
            comment.start_line in shown and comment.start_line < comment.line
        ):
            inline.append(comment)
        else:
            inline.append(comment.model_copy(update={"start_line": None}))
    return inline, elsewhere


def _inline(comment: InlineComment) -> dict[str, Any]:
    said: dict[str, Any] = {
        "path": comment.path, "line": comment.line, "side": comment.side, "body": comment.body,
    }  # fmt: skip
    if comment.start_line is not None:
        said |= {"start_line": comment.start_line, "start_side": comment.side}
    return said


def _body(text: str, elsewhere: Sequence[InlineComment], mark: str) -> str:
    parts = [text.strip()] if text.strip() else []
    if elsewhere:
        parts.append("**On lines this diff does not show**")
        parts += [f"`{comment.path.replace('`', '')}:{comment.line}` {comment.body}" for comment in elsewhere]
    return "\n\n".join(parts)[:MOST] + f"\n\n{mark}"


def _written(client: Client, row: dict[str, Any], *, found: bool = False) -> Written:
    at = moment(row.get("submitted_at"), client.clock.now())
    return Written(target_id=str(row.get("id")), url=str(row.get("html_url") or ""), at=at, found=found)


async def withdraw(client: Client, repository: RepositoryRef, number: int, review_id: str) -> Refusal | None:
    """Take a review back: its inline comments deleted, its verdict dismissed, its body replaced."""
    path = f"pulls/{number}/reviews/{review_id}"
    comments = await client.rows(repository, f"{path}/comments")
    if isinstance(comments, Refusal):
        return None if comments.kind == "gone" else comments
    for comment in comments:
        gone = await client.write(repository, "DELETE", f"pulls/comments/{comment.get('id')}", need="review")
        if isinstance(gone, Refusal) and gone.kind != "gone":
            return gone
    row = await client.get(repository, path)
    if isinstance(row, Refusal):
        return None if row.kind == "gone" else row
    if row.object.get("state") in ("APPROVED", "CHANGES_REQUESTED"):
        away = await client.write(
            repository, "PUT", f"{path}/dismissals", need="review", json={"message": "Taken back."}
        )
        if isinstance(away, Refusal):
            return away
    blank = await client.write(repository, "PUT", path, need="review", json={"body": "*Taken back.*"})
    return blank if isinstance(blank, Refusal) else None
