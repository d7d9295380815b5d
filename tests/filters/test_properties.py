"""Properties on random queries over the real issues: identity, agreement with an oracle, De Morgan, sound plans."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import filters
from filters import Known, Plan
from filters.plan import Call
from tests.filters import naive, real

pytestmark = real.needs_data
SAMPLE = real.items()[::23] if real.DATA.is_dir() else ()
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
VERDICTS = {True: "yes", False: "no", None: "unknown"}


def verdicts(text: str) -> list[str]:
    """The verdicts on the sample."""
    matcher = filters.compile(text, now=naive.NOW)
    return [matcher(item).value for item in SAMPLE]


@QUICK
@given(naive.said(SAMPLE) if SAMPLE else st.nothing())
def test_matching_agrees_with_the_oracle(said: naive.Said) -> None:
    """A compiled query answers as its meaning, said a second time and evaluated naively; so does judging in bulk."""
    assert verdicts(said.text) == [VERDICTS[said.means(item)] for item in SAMPLE], said.text
    matched, unknown = filters.compile(said.text, now=naive.NOW).sift(SAMPLE)
    assert [item["number"] for item in matched] == [
        item["number"] for item in SAMPLE if said.means(item) is True
    ]
    assert [item["number"] for item in unknown] == [
        item["number"] for item in SAMPLE if said.means(item) is None
    ]


@QUICK
@given(naive.said(SAMPLE) if SAMPLE else st.nothing(), naive.said(SAMPLE) if SAMPLE else st.nothing())
def test_de_morgan(one: naive.Said, other: naive.Said) -> None:
    """Not both is either not; not either is both not."""
    assert verdicts(f"-(({one.text}) ({other.text}))") == verdicts(f"-({one.text}) OR -({other.text})")
    assert verdicts(f"NOT (({one.text}) OR ({other.text}))") == verdicts(f"-({one.text}) -({other.text})")


@QUICK
@given(naive.said(SAMPLE) if SAMPLE else st.nothing())
def test_printing_gives_the_text_back(said: naive.Said) -> None:
    """An untouched tree prints as it was written, and each leaf stands where it says."""
    query = filters.parse(said.text)
    assert str(query) == said.text
    for leaf in filters.leaves(query.root):
        assert (
            filters.parse(query.written(leaf)).root.name == leaf.name
            if isinstance(leaf, filters.Term)
            else True
        )


@settings(max_examples=500, deadline=None)
@given(
    st.text(st.sampled_from("ab:\"'()-,.*<>@\\ #ORANDT0129\n\x00é") | st.characters(), max_size=60)
    | st.text(max_size=80)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the parser, the completion or the description stumble; spans lie within the text."""
    for fault in filters.check(text):
        assert 0 <= fault.start <= fault.end <= len(text)
    filters.complete(text, len(text) // 2)
    try:
        query = filters.parse(text)
    except filters.QueryError:
        return
    assert str(query) == text
    assert filters.describe(query)
    assert filters.plan(query, repository="a/b", now=naive.NOW)
    filters.compile(query, now=naive.NOW)({"number": 1, "title": text, "body": text, "_comments": []})


# --- plans, against a naive server over the same items


def served(call: Call, items: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """What GitHub's list endpoints answer, evaluated naively, with the plan's own rule for ending the pages."""
    wanted = dict(call.params)
    pulls = call.path.endswith("/pulls")
    found = [item for item in items if (naive.is_pr(item) or not pulls) and _listed(item, wanted)]
    keys = {
        "created": "created_at",
        "updated": "updated_at",
        "comments": "comments",
        "popularity": "comments",
    }
    found.sort(
        key=lambda item: (item[keys[wanted["sort"]]], item["number"]), reverse=wanted["direction"] == "desc"
    )
    if call.stop is not None:
        passed = next((place for place, item in enumerate(found) if call.stop.passed(item)), len(found))
        found = found[:passed]
    return found


def _listed(item: dict[str, Any], wanted: dict[str, str]) -> bool:
    if wanted["state"] != "all" and item["state"] != wanted["state"]:
        return False
    names = {label["name"].lower() for label in item["labels"]}
    if "labels" in wanted and not {name.lower() for name in wanted["labels"].split(",")} <= names:
        return False
    if "since" in wanted and item["updated_at"] < wanted["since"]:
        return False
    if "creator" in wanted and (item["user"] or {"login": ""})["login"].lower() != wanted["creator"].lower():
        return False
    if "base" in wanted and item["base"]["ref"] != wanted["base"]:
        return False
    assigned = {user["login"].lower() for user in item["assignees"]}
    match wanted.get("assignee"):
        case None:
            pass
        case "none":
            return not assigned
        case "*":
            return bool(assigned)
        case login:
            return login.lower() in assigned
    match wanted.get("milestone"):
        case None:
            return True
        case "none":
            return item["milestone"] is None
        case "*":
            return item["milestone"] is not None
        case number:
            return item["milestone"] is not None and item["milestone"]["number"] == int(number)


def kept(made: Plan, items: tuple[dict[str, Any], ...]) -> set[int]:
    """The items a plan's calls bring and its residual does not refuse."""
    if not made.calls:
        return set()
    residual = filters.compile(made.residual, now=naive.NOW)
    brought = {item["number"]: item for call in made.calls for item in served(call, items)}
    return {number for number, item in brought.items() if residual.test(item) is not False}


KNOWN = [
    None,
    Known(labels={"assurance": 3, "ci": 20}),
    Known(open_items=10, all_items=100),
    Known(open_items=9_000, all_items=90_000),
]


@QUICK
@given(
    naive.said(SAMPLE) if SAMPLE else st.nothing(),
    st.sampled_from(KNOWN),
    st.sampled_from([None, "issues", "prs"]),
)
def test_a_plan_loses_nothing_and_its_residual_settles_the_rest(
    said: naive.Said, known: Known | None, target: Any
) -> None:
    """What the calls bring, less what the residual refuses, is exactly what the query matches or may match."""
    made = filters.plan(
        said.text, repository="bitcoin-core/secp256k1", now=naive.NOW, known=known, target=target
    )
    expected = {
        item["number"] for item in SAMPLE
        if said.means(item) is not False and (target is None or naive.is_pr(item) == (target == "prs"))
    }  # fmt: skip
    if any(call.kind == "search" for call in made.calls):
        return
    assert kept(made, SAMPLE) == expected, (said.text, made)
    if made.exact and made.calls:
        assert {item["number"] for call in made.calls for item in served(call, SAMPLE)} == expected
