"""What people make of our comments, read from GitHub now and then and told by the statistics."""

from __future__ import annotations

from datetime import timedelta

from bot.demo import DemoRepo, GitHub
from bot.demo.deeds import react
from bot.engine.reactions import Listener
from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.store import effects, repositories
from bot.store.acceptance import acceptance
from bot.store.database import Database, Db
from bot.store.stretch import Where
from tests.clock import FakeClock


async def test_reactions_and_deletions_of_our_comments_are_counted(
    database: Database, hub: GitHub, client: Client, clock: FakeClock, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Thumbs up and down are told apart, an edited comment counts once, a deleted one is seen as such; nothing is asked too often."""
    issue = shop.issue("Crash on empty cart")
    liked, gone = issue.comment("boss", "Found it."), issue.comment("boss", "Nonsense.")

    def wrote(db: Db) -> int:
        here = repositories.ensure_repository(db, ref.full_name, clock.now())
        for key, comment in (("a", liked), ("a again", liked), ("b", gone)):
            effects.intend(
                db,
                key,
                job_id=1,
                repository_id=here.id,
                number=issue.number,
                kind="comment",
                facet="comments",
            )
            effects.did(db, key, at=clock.now(), target_id=str(comment.id), url="")
        return here.id

    where = database.write_now(wrote)
    for who, face in (("boss", "+1"), ("ann", "heart"), ("ben", "-1"), ("cat", "eyes")):
        react(issue._core, liked, who, face)
    listener = Listener(database, clock, client)
    assert await listener.look() == 0, "nobody has read them yet"
    clock.move(hours=2)
    issue.delete_comment(gone, "boss")
    assert await listener.look() == 2
    assert await listener.look() == 0, "they were just looked at"

    def told(db: Db) -> tuple[int, ...]:
        seen = acceptance(db, Where([where], clock.now() - timedelta(days=1), clock.now()))
        return seen.read, seen.removed, seen.approving, seen.disapproving, seen.other_reactions

    assert database.read_now(told) == (2, 1, 2, 1, 1)
    react(issue._core, liked, "cat", "rocket")
    clock.move(hours=7)
    assert await listener.look() == 1, "a deleted comment is asked for no more"
    assert database.read_now(told) == (2, 1, 3, 1, 1)
    assert (
        database.read_now(
            lambda db: acceptance(db, Where([], clock.now() - timedelta(days=1), clock.now())).read
        )
        == 0
    )
