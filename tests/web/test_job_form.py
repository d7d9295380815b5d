"""The job form: what a template makes, what faults say, and that a form gives back the job it was filled with."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.model.job import JobSpec
from bot.store import jobs
from bot.web.pages.draft import drafted
from bot.web.pages.filled import filled
from bot.web.pages.jobtemplates import STARTS
from bot.web.pages.preview import drawn
from tests.web.house import House

SPECS: dict[str, dict[str, Any]] = {start.slug: start.spec for start in STARTS} | {
    "every": {"on": {"every": "4h"}, "prompt": "Look.\nTwice.", "target": "custom"},
    "at": {"on": {"at": "2027-12-01T09:00"}, "prompt": "x", "timezone": "Europe/Zurich"},
    "two triggers": {"on": [{"schedule": "@daily"}, {"events": ["issues.opened"]}], "prompt": "x"},
    "after": {"on": {"after": "other"}, "command": "issue/root-cause"},
    "much": {
        "on": {"schedule": "0 9 * * 1-5"}, "filter": "is:open", "command": "issue/root-cause", "variables": {"depth": "quick"}, "max_items": 3,
        "again": {"after": "7d"}, "may": {"comment": 1, "labels": ["bug", "area/*"], "close": True}, "report": "new",
        "limits": {"timeout": "15m", "retries": 1, "budget": {"session": 0.5, "run": 2, "day": 4}}, "agent": {"model": "sonnet", "max_turns": 9, "mcp": ["a"]},
        "overlap": "queue", "catch_up": {"mode": "all", "window": "2h"}, "jitter": "5m", "priority": "low", "session": "continue",
        "when": "items > 0", "gate": {"skip_if": {"filter": "is:pr", "more_than": 9}}, "expires": "2027-06-30", "context": [{"github": "comments"}],
    },
    "rich may": {"on": {"every": "1d"}, "prompt": "x", "may": {"labels.add": 3, "labels.remove": ["needs-triage"]}},
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_a_form_gives_back_the_job_it_was_filled_with(name: str) -> None:
    """Opening a job for editing and saving it as it stands changes nothing, whatever keys it has."""
    spec = JobSpec.model_validate(SPECS[name])
    again = drafted(filled("a job", jobs.written(spec)))
    assert again.faults == ()
    assert again.spec is not None
    assert again.spec.model_dump(exclude={"may"}) == spec.model_dump(exclude={"may"})
    if spec.may is not None:
        assert again.spec.may is not None
        for kind in ("comment", "labels.add", "labels.remove", "close", "review"):
            assert again.spec.may.of(kind) == spec.may.of(kind)  # type: ignore[arg-type]


def test_the_first_template_is_the_weekday_triage() -> None:
    """Nine on weekdays, what needs triage, ten items."""
    first = STARTS[0].spec
    assert first["on"] == [{"schedule": "0 9 * * 1-5"}]
    assert first["filter"] == "state:open label:needs-triage"
    assert first["max_items"] == 10


def test_faults_of_a_filter_are_marked_where_they_stand() -> None:
    """The stretch at fault is marked, everything else is shown as it is, and text stays text."""
    [fault, *_] = drawn("is:open lable:<b>")
    assert re.search(r"is:open .*<mark", str(fault.shown))
    assert "<b>" not in str(fault.shown)


def test_carets_stand_under_the_stretch_of_a_long_query() -> None:
    """Of a query longer than the column the part around the fault is shown, and its carets stand under it; line ends are dots."""
    query = "is:open\n" + "label:bug " * 20 + "lable:x " + "author:me " * 20
    [fault, *_] = drawn(query)
    over, under = re.sub("<[^>]*>", "", str(fault.shown)).split("\n")
    assert len(over) == 64
    assert over[under.index("^") :].startswith("lable:x")
    assert under.strip() == "^" * 5
    [start, *_] = drawn("is:open\nlable:x")
    assert "is:open·" in str(start.shown)


async def form_of(browser: Any, address: str) -> dict[str, Any]:
    """What a browser would send of the page's form as it stands."""
    text = (await browser.get(address)).text
    form = text[text.index("data-job") :]
    values: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, kind = re.search(r'name="(\w+)"', tag), re.search(r'type="(\w+)"', tag)
        if name and not (kind and kind[1] in ("radio", "checkbox") and " checked" not in tag):
            value = re.search(r'value="([^"]*)"', tag)
            values[name[1]] = value[1] if value else ""
    values |= dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL))
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        values[name] = chosen[1] if chosen else first[1] if first else ""
    return values


@pytest.mark.parametrize("slug", [start.slug for start in STARTS])
async def test_every_template_saves_as_it_is(house: House, slug: str) -> None:
    """From the gallery to a job in two steps, with nothing filled in by hand."""
    ada = await house.person("ada", "maintain")
    ada.cookies.set("zone", "Europe/Zurich")
    form = await form_of(ada, f"/acme/shop/new-job?template={slug}")
    answer = await ada.post("/acme/shop/new-job", data=form)
    assert answer.status_code == 303, re.findall(r"R-error[^>]*>.*?</p>", answer.text, re.DOTALL)
    job = house.database.read_now(jobs.by_name, house.shop.id, form["name"])
    assert job is not None
    assert job.spec["timezone"] == "Europe/Zurich"


async def test_faults_stand_beside_their_fields_and_nothing_is_lost(house: House) -> None:
    """A form with faults comes back filled in, each fault named at its field, and no job is made."""
    ada = await house.person("ada", "maintain")
    form = await form_of(ada, "/acme/shop/new-job?template=daily-triage")
    form |= {"cron": "99 9 * * *", "filter": "is:open lable:bug", "max_items": "99", "description": "keep me"}
    answer = await ada.post("/acme/shop/new-job", data=form)
    assert answer.status_code == 422
    for said in ('id="when_kind-error"', 'id="max_items-error"', "keep me"):
        assert said in answer.text, said
    assert house.database.read_now(jobs.jobs_of, house.shop.id) == []


async def test_the_living_parts_say_what_the_job_will_do(house: House) -> None:
    """While typing: the schedule in words, five fires in both zones, faults of the filter, cost and YAML."""
    ada = await house.person("ada", "maintain")
    form = await form_of(ada, "/acme/shop/new-job?template=daily-triage")
    text = (await ada.post("/acme/shop/check-job", data=form | {"timezone": "Asia/Tokyo"})).text
    assert "Monday through Friday" in text
    assert text.count("for you") == 5
    assert "$5.00" in text
    assert "issue/root-cause" in text
    broken = (await ada.post("/acme/shop/check-job", data=form | {"filter": "lable:bug"})).text
    assert "R-carets" in broken
    assert 'data-fix="label"' in broken or "did you mean" in broken


async def test_without_script_one_button_shows_what_the_job_will_do(house: House) -> None:
    """The whole page comes back with fires, cost, faults and what matches; nothing is saved, nothing is lost."""
    ada = await house.person("ada", "maintain")
    form = await form_of(ada, "/acme/shop/new-job?template=daily-triage")
    page = (await ada.get("/acme/shop/new-job?template=daily-triage")).text
    assert '<noscript><button class="btn" type="submit" name="look" value="1">' in page
    answer = await ada.post(
        "/acme/shop/new-job", data=form | {"look": "1", "cron": "0 7 * * 2", "description": "keep me"}
    )
    assert answer.status_code == 200
    for said in ("only on Tuesday", "$5.00", "keep me", "no connection to GitHub"):
        assert said in answer.text, said
    faulty = (
        await ada.post("/acme/shop/new-job", data=form | {"look": "1", "filter": "is:open lable:bug"})
    ).text
    carets = 'is:open <mark class="">lable</mark>:bug\n        <mark class="">^^^^^</mark></pre>'
    assert carets in faulty, "the query stands over its carets, as on a terminal"
    assert "did you mean" in faulty
    broken = (await ada.post("/acme/shop/new-job", data=form | {"look": "1", "max_items": "99"})).text
    assert 'id="max_items-error"' in broken
    assert "Mend what is marked" in broken
    assert "It is not saved yet" not in broken
    assert house.database.read_now(jobs.jobs_of, house.shop.id) == []


async def test_editing_changes_the_name_and_keeps_the_history(house: House) -> None:
    """A job saved under another name stays the same job."""
    job = house.job("triage")
    house.run(job)
    ada = await house.person("ada", "maintain")
    form = await form_of(ada, "/acme/shop/jobs/triage/edit")
    answer = await ada.post("/acme/shop/jobs/triage/edit", data=form | {"name": "dawn", "description": "new"})
    assert answer.headers["location"] == "/acme/shop/jobs/dawn"
    renamed = house.database.read_now(jobs.by_name, house.shop.id, "dawn")
    assert renamed is not None
    assert renamed.id == job.id
    assert renamed.spec["description"] == "new"


async def test_completion_knows_the_language(house: House) -> None:
    """The filter field is offered names and values at the cursor."""
    ada = await house.person("ada", "maintain")
    offered = (await ada.get("/acme/shop/complete", params={"q": "is:op", "at": 5})).json()
    assert any(one["text"] == "open" for one in offered)
