"""Search and GraphQL: what they find, and GitHub's quirks."""

from typing import Any

import httpx
import pytest

from bot.demo import GitHub, Installation

SHOP = "/repos/acme/shop"


def furnish(github: GitHub) -> None:
    """Issues and pull requests to look for."""
    shop = github.repository("acme/shop")
    shop.milestone("v 1")
    crash = shop.issue("Crash on start", body="it crashes", labels=["bug", "help wanted"], author="ann", milestone=1,
                       created_at="2025-12-01", updated_at="2025-12-02")  # fmt: skip
    crash.comment("bob", "cc @cleo", created_at="2025-12-03")
    shop.issue("Slow list", labels=["perf"], assignees=["ann"])
    shop.issue("Old", state="closed", state_reason="not_planned", labels=["bug"])
    fix = shop.pull(
        "Fix crash", "fix/crash", {"a.py": "1\n"}, body="Closes #1", author="bob", reviewers=["ann"]
    )
    fix.review("ann", "APPROVED", "Good")
    shop.status(fix.pull.head_sha, "success")
    shop.pull("Draft", "wip", {"b.py": "1\n"}, draft=True, author="dependabot[bot]")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("is:issue is:open", {1, 2}),
        ("label:bug", {1, 3}),
        ('label:"help wanted",perf', {1, 2}),
        ("-label:bug is:issue", {2}),
        ("author:app/dependabot", {5}),
        ("no:assignee is:issue is:open", {1}),
        ("mentions:cleo", {1}),
        ("involves:bob", {1, 4}),
        ('milestone:"v 1"', {1}),
        ('reason:"not planned"', {3}),
        ("created:<2026-01-01", {1}),
        ("updated:2025-12-03..2026-01-04", {1}),
        ("comments:>0", {1}),
        ("is:pr review:approved status:success", {4}),
        ("linked:pr", {1}),
        ("linked:issue", {4}),
        ("head:fix", {4}),
        ("draft:true", {5}),
        ("crash in:title", {1, 4}),
        ("is:issue (label:perf OR reason:completed)", {2}),
        ("label:bug NOT old", {1}),
        ("no:type is:issue", {1, 2, 3}),
    ],
)
async def test_search(github: GitHub, bot: httpx.AsyncClient, query: str, numbers: set[int]) -> None:
    """The search of the embedded GitHub finds what GitHub's would."""
    furnish(github)
    answer = await bot.get("/search/issues", params={"q": f"{query} repo:acme/shop"})
    assert {x["number"] for x in answer.json()["items"]} == numbers


async def test_search_quirks(github: GitHub, bot: httpx.AsyncClient) -> None:
    """Too long, too many operators, beyond a thousand: 422. Thirty a minute."""
    for query in ("x" * 257, "a OR b OR c OR d OR e OR f OR g", ""):
        assert (await bot.get("/search/issues", params={"q": query})).status_code == 422
    assert (
        await bot.get("/search/issues", params={"q": "a", "page": "11", "per_page": "100"})
    ).status_code == 422
    codes = [(await bot.get("/search/issues", params={"q": "a"})).status_code for _ in range(27)]
    assert codes == [200] * 26 + [403]


async def ask(bot: httpx.AsyncClient, query: str, **variables: object) -> dict[str, Any]:
    """A GraphQL answer."""
    answer = await bot.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


FACTS = """
query($ids: [ID!]!) { nodes(ids: $ids) {
  __typename id
  ... on Issue { number comments(first: 10) { nodes { body author { login __typename } } }
    closedByPullRequestsReferences(first: 5, includeClosedPrs: true) { nodes { number } }
    projectItems(first: 5) { nodes { project { number owner { ... on Organization { login } } } } } }
  ... on PullRequest { number reviewDecision isInMergeQueue reviews(first: 10) { nodes { state author { login } } }
    statusCheckRollup { state } closingIssuesReferences(first: 5) { nodes { number } }
    commits(last: 1) { nodes { commit { oid statusCheckRollup { state } } } } } } }
"""


async def test_nodes_by_id(github: GitHub, bot: httpx.AsyncClient) -> None:
    """Comments, reviews, decision, checks, closing references and projects of many items in one question."""
    furnish(github)
    github.repository("acme/shop").get(1).row.projects.append("acme/7")
    listed = (await bot.get(f"{SHOP}/issues?state=all&direction=asc")).json()
    found = await ask(bot, FACTS, ids=[listed[0]["node_id"], listed[3]["node_id"], "I_unknown"])
    issue, pull, missing = found["data"]["nodes"]
    assert issue["comments"]["nodes"] == [
        {"body": "cc @cleo", "author": {"login": "bob", "__typename": "User"}}
    ]
    assert issue["closedByPullRequestsReferences"]["nodes"] == [{"number": 4}]
    assert issue["projectItems"]["nodes"][0]["project"] == {"number": 7, "owner": {"login": "acme"}}
    assert (pull["reviewDecision"], pull["statusCheckRollup"]["state"]) == ("APPROVED", "SUCCESS")
    assert pull["closingIssuesReferences"]["nodes"] == [{"number": 1}]
    assert pull["commits"]["nodes"][0]["commit"]["statusCheckRollup"] == {"state": "SUCCESS"}
    assert missing is None
    assert found["errors"][0]["type"] == "NOT_FOUND"


async def test_minimize_comment(github: GitHub, bot: httpx.AsyncClient, installation: Installation) -> None:
    """A comment is hidden with a reason, by those who may write; it counts as a write."""
    furnish(github)
    comment = (await bot.get(f"{SHOP}/issues/1/comments")).json()[0]
    mutation = """mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) {
        minimizedComment { isMinimized minimizedReason } } }"""
    hidden = await ask(bot, mutation, id=comment["node_id"])
    assert hidden["data"]["minimizeComment"]["minimizedComment"] == {
        "isMinimized": True,
        "minimizedReason": "outdated",
    }
    assert [x.path for x in github.writes] == ["minimizeComment"]
    bot.headers["authorization"] = (
        f"token {github.installation_token(installation, permissions={'issues': 'read'})}"
    )
    refused = await ask(bot, mutation, id=comment["node_id"])
    assert refused["errors"][0]["type"] == "FORBIDDEN"


async def test_graphql_lists(github: GitHub, bot: httpx.AsyncClient) -> None:
    """Labels are OR, lists want `first`, bots lose their suffix, cursors lead on."""
    furnish(github)
    query = """query($after: String) { repository(owner: "acme", name: "shop") {
      issues(first: 1, after: $after, labels: ["perf", "bug"]) { nodes { number } pageInfo { endCursor hasNextPage } }
      pullRequests(first: 5) { nodes { author { login __typename } } } } }"""
    seen, after = [], None
    while True:
        repository = (await ask(bot, query, after=after))["data"]["repository"]
        seen += [x["number"] for x in repository["issues"]["nodes"]]
        after = repository["issues"]["pageInfo"]["endCursor"]
        if not repository["issues"]["pageInfo"]["hasNextPage"]:
            break
    assert seen == [1, 2, 3]
    assert repository["pullRequests"]["nodes"][1]["author"] == {"login": "dependabot", "__typename": "Bot"}
    bad = await ask(bot, '{ repository(owner: "acme", name: "shop") { labels { totalCount } } }')
    assert "You must provide a `first` or `last`" in bad["errors"][0]["message"]
