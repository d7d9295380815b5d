"""The values of sessions and outcomes: round trips and the reading of `may`."""

import pytest
from pydantic import TypeAdapter, ValidationError

from bot.model.agent import (
    AgentEnd,
    Checkout,
    Ended,
    Event,
    Failure,
    Limits,
    Noted,
    Patch,
    PatchFile,
    Said,
    Script,
    SessionRequest,
    Spent,
    Started,
    ToolAnswered,
    ToolUsed,
    Usage,
)
from bot.model.outcome import Allowance, Comment, Decision, May, Outcome, Refused, Review


def test_a_request_survives_json() -> None:
    """A request read back from JSON is the request."""
    request = SessionRequest(
        session="s-1",
        engine="script",
        script=Script(name="x", source="print(1)"),
        limits=Limits(cost_usd=1),
        checkout=Checkout(
            repository="acme/shop", clone_url="https://github.com/acme/shop.git", ref="refs/heads/main"
        ),
    )
    assert SessionRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    "event",
    [
        Started(agent_session="a", tools=("Bash",)),
        Said(text="hi"),
        ToolUsed(tool="Bash", argument="ls"),
        ToolAnswered(text="x", failed=True),
        Spent(tokens_in=1, cost_usd=0.1),
        Noted(level="warning", text="retry"),
        Ended(ending="quiet"),
    ],
)
def test_an_event_survives_json(event: Event) -> None:
    """Each event comes back as its own type."""
    adapter: TypeAdapter[Event] = TypeAdapter(Event)
    assert adapter.validate_json(adapter.dump_json(event)) == event


def test_an_end_survives_json() -> None:
    """An end with outcome and patch read back from JSON is the same."""
    end = AgentEnd(
        ending="succeeded",
        failure=Failure.of("api_fault", "the model answered 500"),
        usage=Usage(calls=1, cost_usd=0.5),
        outcome=Outcome(summary="s", actions=(Comment(body="b"), Review(event="APPROVE"))),
        patch=Patch(base="0" * 40, diff="d", files=(PatchFile(path="a", status="added"),)),
    )
    assert AgentEnd.model_validate_json(end.model_dump_json()) == end
    assert end.failure is not None
    assert end.failure.retryable


def test_may_defaults_to_one_comment() -> None:
    """A job that says nothing may comment once and do nothing else."""
    may = May()
    assert may.of("comment").max == 1
    assert [k for k in ("labels.add", "close", "pull_request", "review") if may.of(k).max] == []


def test_may_reads_the_forms_people_write() -> None:
    """A maximum, a list, a flag and both together are understood."""
    may = May.model_validate(
        {
            "comment": 2,
            "labels": ["bug", "area/*"],
            "close": False,
            "review": True,
            "labels.remove": [],
            "pull_request": {"max": 1, "values": ["docs/*"]},
        }
    )
    assert may.of("comment").max == 2
    assert may.of("labels.add") == Allowance(max=10, values=("bug", "area/*"))
    assert may.of("labels.remove").max == 0
    assert may.of("close").max == 0
    assert may.of("review").values == ("COMMENT",)
    assert may.of("pull_request").values == ("docs/*",)
    assert May.model_validate_json(may.model_dump_json(by_alias=True)) == may
    assert May.model_validate_json(may.model_dump_json()) == may


def test_may_refuses_what_it_does_not_know() -> None:
    """A misspelt kind is an error, not silence."""
    with pytest.raises(ValidationError):
        May.model_validate({"lables": ["bug"]})
    assert "labels.add" in May.model_json_schema()["properties"]


def test_a_decision_survives_json() -> None:
    """What was decided can be stored."""
    decision = Decision(
        summary="s", allowed=(Comment(body="x"),), refused=(Refused(kind="close", reason="no"),)
    )
    assert Decision.model_validate_json(decision.model_dump_json()) == decision
