"""The post on both databases, through the real Apprise to a real socket: gathered, quiet, tried again, given up."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select

from bot.model.job import JobSpec
from bot.model.run import RunStatus, Trigger, TriggerKind
from bot.notify import Post
from bot.notify.channels import Channels
from bot.notify.post import LEASE
from bot.notify.words import kind_of
from bot.settings import Settings, SettingsError
from bot.store import jobs, outbox, repositories, runs
from bot.store.database import Database, Db
from bot.store.tables import Outbox, Sessions
from tests.adapters.contexts.little_server import Little
from tests.fakes import HandClock

NIGHT = datetime(2026, 6, 1, 1, tzinfo=UTC)


class Office:
    """A post over a database, and jobs whose runs end."""

    def __init__(self, database: Database, service: Little, **more: Any) -> None:
        self.database, self.service, self.clock = database, service, HandClock(NIGHT)
        given = {
            "notify": {"chat": SecretStr(f"json://127.0.0.1:{service.port}/chat")}, "public_url": "https://rounds.test",
            "github_token": SecretStr("ghp_secretsecretsecret"),
        }  # fmt: skip
        self.settings = Settings(**{"_env_file": None, **given, **more})
        self.post = Post(database, self.settings, self.clock)
        self.repository = database.write_now(repositories.ensure_repository, "acme/shop", self.clock.now())
        self.runs = 0

    def job(self, name: str, *on: str, **more: Any) -> int:
        """A job that tells `chat`."""
        wish = {"to": "chat", "on": list(on) or ["failed"], **more.pop("wish", {})}
        spec = JobSpec.model_validate(
            {"on": {"schedule": "0 9 * * 1-5"}, "prompt": "Go.", "notify": [wish], **more}
        )
        return self.database.write_now(
            jobs.save_job, self.repository.id, name, spec, source="api", by="ada", now=self.clock.now()
        ).id

    def ends(self, job: int, status: RunStatus = RunStatus.failed, **more: Any) -> int:
        """A run of the job ends so."""
        self.runs += 1
        trigger = Trigger(kind=TriggerKind.schedule, occasion=f"o{self.runs}", scheduled_for=self.clock.now())
        run = self.database.write_now(runs.fire, job, trigger, self.clock.now())
        assert run is not None
        self.database.write_now(runs.begin, run.id, "me", self.clock.now())
        self.clock.move(seconds=42)
        self.database.write_now(runs.end, run.id, status, self.clock.now(), **more)
        return run.id

    async def later(self, **by: float) -> int:
        """Time passes and the post looks."""
        self.clock.move(**by)
        return await self.post.look()

    @property
    def said(self) -> list[dict[str, Any]]:
        """The messages the service got."""
        return [json.loads(body) for path, _, body in self.service.seen if path == "/chat"]

    def rows(self) -> list[Outbox]:
        """The notifications in the outbox."""
        return self.database.read_now(_rows)


def _rows(db: Db) -> list[Outbox]:
    return list(db.exec(select(Outbox).where(Outbox.event != "job.completed").order_by(Outbox.id)))  # type: ignore[arg-type]


def _hook(db: Db) -> Outbox:
    return db.exec(select(Outbox).where(Outbox.event == "job.completed")).one()


@pytest.fixture
def office(database: Database, service: Little) -> Office:
    """The usual."""
    return Office(database, service)


async def test_a_failure_is_told_with_all_that_matters(office: Office) -> None:
    """Job, status, schedule, duration, cost, reason and link stand in it; it leaves once."""
    run = office.ends(office.job("triage"), error="the filter is wrong")
    assert await office.later(seconds=11) == 2
    (said,) = office.said
    assert said["title"] == "acme/shop: triage failed"
    assert said["type"] == "failure"
    for words in (
        "triage of acme/shop: failed",
        "Why: the filter is wrong",
        "At 09:00, Monday through Friday (UTC)",
        "Took: 42 s",
    ):
        assert words in said["message"]
    assert said["message"].endswith(f"https://rounds.test/acme/shop/runs/{run}")
    assert await office.later(hours=2) == 0
    assert len(office.said) == 1


async def test_what_a_job_does_not_want_told_is_not(office: Office) -> None:
    """A completed run of a job that tells failures alone says nothing."""
    office.ends(office.job("triage"), RunStatus.completed)
    await office.later(seconds=11)
    assert office.said == []


async def test_a_bad_night_is_one_message(office: Office) -> None:
    """What ends together leaves together; what follows is gathered until the channel may be spoken to again."""
    many = [office.job(f"job {number}") for number in range(30)]
    for job in many[:3]:
        office.ends(job)
    await office.later(seconds=11)
    assert [said["title"] for said in office.said] == ["Roundsman: 3 failed"]
    for job in many[3:]:
        office.clock.move(seconds=-42)
        office.ends(job, error="no model answers")
    await office.post.look()
    assert len(office.said) == 1
    await office.later(minutes=11)
    assert [said["title"] for said in office.said[1:]] == ["Roundsman: 27 failed"]
    assert len(office.said[1]["message"]) <= 1_000
    assert "more: https://rounds.test" in office.said[1]["message"]
    assert all(row.sent_at for row in office.rows())


async def test_quiet_hours_hold_notifications_and_not_webhooks(database: Database, service: Little) -> None:
    """The night's failures are one message in the morning; machines hear at once."""
    hook = {f"http://127.0.0.1:{service.port}/hook": SecretStr("k3y-of-hooks")}
    office = Office(database, service, quiet_hours="22:00-07:00", timezone="Europe/Zurich", webhooks_out=hook)
    job = office.job("triage")
    for _ in range(3):
        office.ends(job)
        await office.later(minutes=30)
    assert office.said == []
    assert sum(path == "/hook" for path, _, _ in service.seen) == 3
    office.clock.set(datetime(2026, 6, 1, 5, 0, 30, tzinfo=UTC))  # 07:00:30 in Zurich
    await office.post.look()
    assert [said["title"] for said in office.said] == ["Roundsman: 3 failed"]


async def test_what_cannot_leave_is_tried_again_and_given_up(database: Database, service: Little) -> None:
    """The waits double; after eight tries the word is given up with its reason, and the run is as it was."""
    service.answers["/down"] = (500, {}, b"")
    url = f"http://127.0.0.1:{service.port}/down"
    office = Office(database, service, webhooks_out={url: SecretStr("some-key")})
    run = office.ends(office.job("triage", "completed"))
    for _ in range(12):
        await office.later(hours=1)
    row = database.read_now(_hook)
    assert (row.tries, row.sent_at) == (8, None)
    assert row.given_up_at is not None
    assert row.error == "it answered 500"
    assert len(service.seen) == 8
    ended = database.read_now(runs.get, run)
    assert ended is not None
    assert ended.status is RunStatus.failed


async def test_a_chat_that_is_down_gets_the_message_later(sqlite: Database, service: Little) -> None:
    """Not at once, and with the reason kept meanwhile."""
    office = Office(sqlite, service)
    service.answers["/chat"] = (500, {}, b"")
    office.ends(office.job("triage"))
    await office.later(seconds=11)
    (row,) = office.rows()
    assert row.error
    service.answers["/chat"] = (200, {}, b"")
    assert [await office.later(seconds=5), await office.later(seconds=40)] == [0, 1]


async def test_a_process_killed_while_sending_leaves_the_word_to_the_next(office: Office) -> None:
    """While one sends, others keep off; when it dies, the word is free after the lease."""
    office.ends(office.job("triage"))
    office.clock.move(seconds=11)
    (row,) = office.rows()
    now = office.clock.now()
    assert office.database.write_now(outbox.take, [int(row.id or 0)], now, now + LEASE) == {row.id}
    assert office.database.write_now(outbox.take, [int(row.id or 0)], now, now + LEASE) == set()
    await office.later(seconds=30)
    assert office.said == []
    await office.later(minutes=4)
    assert len(office.said) == 1


async def test_an_unknown_channel_is_given_up_with_what_to_do(office: Office) -> None:
    """The operator reads the setting's name."""
    office.ends(office.job("triage", wish={"to": "pager"}))
    await office.later(seconds=11)
    (row,) = office.rows()
    assert row.given_up_at is not None
    assert "ROUNDSMAN_NOTIFY" in str(row.error)


async def test_a_target_goes_where_the_url_says_and_nowhere_else(database: Database, service: Little) -> None:
    """It is quoted whole: no target reaches another path or adds a parameter."""
    url = f"json://127.0.0.1:{service.port}/chat?:room={{target}}"
    office = Office(database, service, notify={"chat": SecretStr(url)})
    office.ends(office.job("triage", wish={"target": "#ops&method=GET/../x"}))
    await office.later(seconds=11)
    assert len(office.said) == 1
    assert service.seen[0][0].startswith("/chat")
    fixed = Channels({"chat": f"json://127.0.0.1:{service.port}/chat"})
    fault = await fixed.send("chat", "#ops", "t", "b")
    assert fault is not None
    assert fault.final
    assert "takes no target" in fault.words


async def test_a_giving_up_job_is_told_as_paused(office: Office) -> None:
    """Both words of the same run are one message."""
    job = office.job("triage", "failed", "paused", limits={"give_up": 1})
    office.ends(job, error="the filter is wrong")
    await office.later(seconds=11)
    (said,) = office.said
    assert said["title"] == "Roundsman: 1 failed, 1 paused itself"
    assert said["message"].splitlines()[0].startswith("• acme/shop triage paused itself: the filter is wrong")


async def test_secrets_and_pings_stay_inside(office: Office) -> None:
    """What a run's reason says is redacted, and nobody is called by name in a chat."""
    office.ends(office.job("triage"), error="bad token ghp_secretsecretsecret @channel")
    await office.later(seconds=11)
    assert "ghp_" not in office.said[0]["message"]
    assert "@channel" not in office.said[0]["message"]


async def test_nobody_is_called_and_links_stay_whole(office: Office) -> None:
    """What chats make of `@everyone`, `<!here>` and `<@U1>` is broken unseen, in reasons as in results; a link is the link it was."""
    calls = "<!here> <@U1> <@&7> @everyone ask ada@acme.test, see https://github.com/acme/shop/issues/3 (#3)"
    office.ends(office.job("triage"), error=calls)
    await office.later(seconds=11)
    said = office.said[0]["message"]
    for call in ("<!here", "<@U1", "<@&7", "@everyone"):
        assert call not in said
    assert "https://github.com/acme/shop/issues/3 (#3)" in said
    assert said.replace("\u2060", "").count(calls) == 1


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        (["completed"], "success"), (["completed", "completed"], "success"), (["failed"], "failure"), (["partial"], "warning"),
        (["paused"], "warning"), (["budget"], "warning"), (["completed", "partial"], "warning"), (["budget", "failed", "completed"], "failure"),
    ],
)  # fmt: skip
def test_the_worst_of_its_words_colours_a_message(events: list[str], kind: str) -> None:
    """Green only where all went well, red where anything failed."""
    assert kind_of(events) == kind


async def test_the_webhook_is_signed_and_reaches_each_receiver_once(
    database: Database, service: Little
) -> None:
    """A receiver that was down is tried again alone, with the same delivery id."""
    base = f"http://127.0.0.1:{service.port}"
    service.answers["/down"] = (503, {}, b"")
    hooks = {f"{base}/hook": SecretStr("first-key"), f"{base}/down": SecretStr("second-key")}
    office = Office(database, service, webhooks_out=hooks)
    run = office.ends(office.job("triage"), RunStatus.completed)
    await office.post.look()
    service.answers["/down"] = (200, {}, b"")
    await office.later(minutes=2)
    assert [path for path, _, _ in service.seen] == ["/hook", "/down", "/down"]
    for (_, headers, body), key in zip(service.seen, ("first-key", "second-key", "second-key"), strict=True):
        signed = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-roundsman-signature-256"] == f"sha256={signed}"
        assert headers["x-roundsman-delivery"] == f"run-{run}-job.completed"
        assert json.loads(body)["run"]["status"] == "completed"


async def test_without_receivers_nothing_piles_up(office: Office) -> None:
    """The webhook's word is done with; after two weeks it is forgotten."""
    office.ends(office.job("triage"), RunStatus.completed)
    await office.post.look()
    assert office.database.read_now(outbox.waiting) == 0
    office.clock.move(days=15)
    assert await office.post.tidy() == 1


async def test_the_end_of_a_process_sends_at_once(office: Office) -> None:
    """`tick` does not wait for more to gather."""
    office.ends(office.job("triage"))
    await office.post.flush()
    assert len(office.said) == 1


async def test_the_test_button_says_whether_it_works(office: Office) -> None:
    """None where the message left, else words without the URL."""
    assert await office.post.test("chat") is None
    office.service.answers["/chat"] = (401, {}, b"")
    fault = await office.post.test("chat")
    assert fault
    assert str(office.service.port) not in fault


def test_hours_that_are_none_are_refused(sqlite: Database, service: Little) -> None:
    """At start, with the setting's name."""
    with pytest.raises(SettingsError, match="ROUNDSMAN_QUIET_HOURS"):
        Office(sqlite, service, quiet_hours="late")


def test_a_spent_budget_is_told(sqlite: Database, service: Little) -> None:
    """A session that the money did not reach makes the run tell `budget`."""
    office = Office(sqlite, service)
    job = office.job("triage", "budget")
    trigger = Trigger(kind=TriggerKind.manual, occasion="x")
    run = sqlite.write_now(runs.fire, job, trigger, office.clock.now())
    assert run is not None
    sqlite.write_now(_skipped_session, run.id, job, office.repository.id, office.clock.now())
    sqlite.write_now(runs.end, run.id, RunStatus.completed, office.clock.now())
    assert [row.event for row in office.rows()] == ["budget"]


def _skipped_session(db: Db, run: int, job: int, repository: int, now: datetime) -> None:
    db.add(
        Sessions(
            run_id=run, job_id=job, repository_id=repository, number=1, is_pull=False, title="", url="", status="skipped",
            reason="the budget of this run is $5: it is spent", priority=1, queued_at=now, concurrency=1, attempt=1,
        )
    )  # fmt: skip
