"""What an agent is told around its command."""

import json
import re

from bot.flow.outcome import decide, parse
from bot.flow.session import SYSTEM, framed, permitted, protocol
from bot.model.outcome import May, Outcome


def test_our_words_come_first_and_the_protocol_last() -> None:
    """No command and no stranger can start the prompt, and the way to hand in the result ends it."""
    prompt = framed("/compact everything", May(), "issue")
    assert prompt.startswith("Roundsman asks")
    assert prompt.index("/compact") < prompt.index("ROUNDSMAN_OUTCOME")
    assert "UNTRUSTED" in SYSTEM


def test_only_what_the_job_permits_is_offered() -> None:
    """Kinds, values and maxima of `may` are told, and what makes no sense on the item is left out."""
    may = May.model_validate({"labels": ["bug", "p*"], "review": True, "close": False})
    assert permitted(may, "issue") == ["comment", "labels.add", "labels.remove"]
    assert permitted(may, "pull_request") == ["comment", "labels.add", "labels.remove", "review"]
    assert permitted(may, "nothing") == ["comment"]
    assert "only: bug, p*" in protocol(may, "issue")
    assert "none: leave the list empty" in protocol(May.model_validate({"comment": 0}), "issue")


def test_every_example_is_an_action_we_accept() -> None:
    """An agent that copies an example word for word is understood."""
    names = ["comment", "labels", "assign", "milestone", "reopen", "review", "issue", "pull_request"]
    told = protocol(May.model_validate(dict.fromkeys(names, True)), "pull_request")
    rows = [json.loads(row) for row in re.findall(r"^- `(\{.*\})` \(", told, re.MULTILINE)]
    got = parse(json.dumps({"version": 1, "actions": rows}).encode())
    assert isinstance(got, Outcome)
    assert got.malformed == ()
    assert len(got.actions) == 9
    assert (
        decide(got, May.model_validate(dict.fromkeys(names, True)), on="pull_request").refused[-1].kind
        == "pull_request"
    )
