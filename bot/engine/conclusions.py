"""The end of what comments asked for: the last reaction once the run has ended, a word where it went wrong."""

from __future__ import annotations

from bot.engine.configuration import ref_of
from bot.engine.speech import Speech
from bot.flow import replies
from bot.model.run import Run
from bot.ports import Clock, Publisher
from bot.store import itemlog, runs, words
from bot.store.database import Database

WATERMARK = "comment-runs"


class Conclusions:
    """Follows the runs that comments began."""

    def __init__(self, database: Database, clock: Clock, publisher: Publisher, speech: Speech) -> None:
        self.database, self.clock, self.publisher, self.speech = database, clock, publisher, speech
        self._newest, self._unfinished = -1, True

    def may_conclude(self, newest: int) -> bool:
        """Whether a look may find something: runs came since the last one, or some of those comments asked for go on."""
        came, self._newest = newest != self._newest, newest
        return came or self._unfinished

    async def conclude(self) -> int:
        """Put the last reaction on comments whose runs have ended; gives how many."""
        mark = await self.database.read(words.get, WATERMARK) or {}
        after, done = int(mark.get("after") or 0), set(mark.get("done") or ())
        self._unfinished = True
        asked = await self.database.read(itemlog.asked_by_comment, after)
        fresh = [run for run in asked if run.status.final and run.id not in done]
        for run in fresh:
            if await self._concluded(run):
                done.add(run.id)
        if not asked:
            await self._pass_over(after)
        self._unfinished = bool(asked)
        if not fresh:
            return 0
        while asked and asked[0].id in done:
            after = asked.pop(0).id
            done.discard(after)
        await self.database.write(
            words.put, WATERMARK, {"after": after, "done": sorted(done)}, self.clock.now()
        )
        return len(fresh)

    async def _pass_over(self, after: int) -> None:
        """Where nobody asked for anything, do not look through the same runs again."""
        newest = await self.database.read(itemlog.newest_run)
        if newest - after > 500:
            await self.database.write(
                words.put, WATERMARK, {"after": newest - 100, "done": []}, self.clock.now()
            )

    async def _concluded(self, run: Run) -> bool:
        """React for one run; False where GitHub asks us to come back."""
        place = await self.database.read(runs.place_of, run.id)
        comment = run.occasion.partition("@")[0]
        if place is None or not comment.isdecimal() or run.number is None:
            return True
        repository, reply = place[2], replies.ended(run)
        face = "rocket" if reply.good else "confused"
        refused = await self.publisher.react(ref_of(repository), int(comment), face)
        if refused is None and reply.words:
            refused = await self.speech.say(repository, run.number, f"{reply.words}.", f"ended-{run.id}")
        return refused is None or refused.kind != "busy"
