"""Every example of GitHub's documentation on searching and filtering issues and pull requests is read."""

import pytest

import filters
from tests.filters.naive import NOW

EXAMPLES = """
warning in:title
error in:title,body
shipit in:comments
user:defunkt ubuntu
org:github
repo:mozilla/shumway created:<2012-03-01
performance is:open is:issue
android is:closed
libraries state:open mentions:vmg
design state:closed in:body
libraries is:closed reason:completed
libraries is:closed reason:"not planned"
is:public
is:private cupcake
cool author:gjtorikian
bootstrap in:body author:mdo
author:app/robot
resque mentions:defunkt
team:jekyll/owners
team:myorg/ops is:open is:pr
github commenter:defunkt org:github
involves:defunkt involves:jlord
NOT bootstrap in:body involves:mdo
repo:desktop/desktop is:open linked:pr
repo:desktop/desktop is:closed linked:issue
repo:desktop/desktop is:open -linked:pr
broken in:body -label:bug label:priority
label:bug label:resolved
label:bug,resolved
label:"help wanted" language:ruby
milestone:"overhaul"
project:github/57
project:github/linguist/1
created:2015-05-01..2015-05-30 status:failure
e1109ab
0eff326d6213c is:merged
head:change is:closed author:TheShermanTank
base:gh-pages
language:ruby state:open
state:closed comments:>100
comments:500..1000
interactions:>2000
interactions:500..1000
reactions:>1000
reactions:500..1000
draft:true
draft:false
type:pr review-requested:gjtorikian
type:pr user-review-requested:@me
type:pr team-review-requested:github/docs
type:pr review:none
type:pr review:required
type:pr review:approved
type:pr review:changes_requested
type:pr reviewed-by:gjtorikian
language:c# created:<2011-01-01 state:open
weird in:body updated:>=2013-02-01
language:swift closed:>2014-06-11
data in:body closed:<2012-10-01
language:javascript merged:<2011-01-01
fast in:title language:ruby merged:>=2014-05-01
archived:true GNOME
code of conduct is:locked is:issue archived:false
code of conduct is:unlocked is:issue archived:false
priority no:label
sprint no:milestone type:issue
important no:assignee language:java type:issue
build no:project
is:queued
is:issue state:open (type:Bug OR type:Feature)
(type:"Bug" AND assignee:octocat) OR (type:"Feature" AND assignee:hubot)
is:issue AND (author:octocat OR assignee:octocat)
((((((a OR b) c) OR d) e) OR f) g)
parent-issue:octo-org/octo-repo#45
no:parent-issue has:sub-issue
is:blocked is:blocking
field.priority:"P0",P1
has:field.priority -field.effort:High
field."target date":>=2026-01-01
assignee:"@me"
assignee:*
cats NOT "hello world"
mentions:defunkt -org:github
cats created:>=2017-04-01
cats created:2017-01-01T01:00:00Z..2017-01-01T15:30:15Z
cats created:2016-04-30..*
cats created:*..2012-04-30
cats created:2017-01-01T01:00:00+07:00
sort:interactions
sort:interactions-asc
sort:reactions
sort:reactions-asc
sort:reactions-+1
sort:reactions--1
sort:reactions-smile
sort:reactions-tada-asc
sort:reactions-heart-desc
sort:reactions-thinking_face
sort:updated
sort:created-asc
sort:comments
no:type
type:"Bug"
milestone:* -label:*bug*
title
updated:<@today-14d
updated:@today-1w..@today
label:'help wanted','good first issue'
""".strip().splitlines()


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_documented_example_is_read(text: str) -> None:
    """It parses, prints as written, can be said in words, planned and compiled."""
    query = filters.parse(text)
    assert str(query) == text
    assert filters.describe(query).endswith(".")

    made = filters.plan(query, repository="octo-org/shop", now=NOW, me="octocat")
    assert filters.parse(made.residual.text) == made.residual
    assert filters.compile(query, now=NOW)({"number": 1}) in set(filters.Verdict)


@pytest.mark.parametrize(
    "text",
    [
        "created:>9999-12-31",
        "created:<0001-01-01",
        "updated:<999999y",
        "updated:>999999mo",
        "created:>@today+999999y",
        "closed:<@today-999999y",
    ],
)
def test_the_ends_of_time_hold(text: str) -> None:
    """Dates beyond the calendar neither fail nor match by accident."""

    filters.describe(text)
    filters.plan(text, repository="a/b", now=NOW, known=filters.Known(all_items=10**6, open_items=10**6))
    expected = "yes" if text == "updated:<999999y" else "no"
    item = {
        "number": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "closed_at": "2026-01-01T00:00:00Z",
    }
    assert filters.compile(text, now=NOW)(item).value == expected
