"""GitHub's own OpenAPI description has nothing to object to: not in answers, not in webhooks, and it does object."""

import base64
import json

import httpx
import pytest

from bot.demo import App, GitHub, Installation
from tests.contract.github.judge import Judge, Misfit, description, judge_webhook

SHOP = "/repos/acme/shop"


@pytest.fixture
def judge(github: GitHub) -> Judge:
    """The description between client and server."""
    return Judge(httpx.ASGITransport(github.app))


def client(judge: Judge, github: GitHub, token: str | None, accept: str | None = None) -> httpx.AsyncClient:
    """A judged client with a credential."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        transport=judge, base_url=github.url, headers=headers | ({"accept": accept} if accept else {})
    )


def furnish(github: GitHub) -> None:
    """A repository with one of everything."""
    github.add_team("acme", "core", ["boss"])
    shop = github.repository("acme/shop")
    shop.label("bug", "d73a4a", "Something is broken")
    shop.milestone("v1", due_on="2026-02-01")
    shop.collaborator("ann", "triage")
    crash = shop.issue("Crash", body="@ann?", labels=["bug"], assignees=["ann"], milestone=1, type="Bug")
    crash.comment("ann", "Same here.")
    crash.react("ann", "eyes")
    shop.issue("Done", state="closed", state_reason="not_planned")
    pull = shop.pull("Fix", "fix", {"src/a.py": "one\ntwo\n"}, body="Fixes #1", author="ann", reviewers=["boss"],
                     team_reviewers=["core"])  # fmt: skip
    pull.review("boss", "COMMENTED", "Fine.", comments=[("src/a.py", 1, "Why?")])
    shop.pull("Merged", "old", {"b.py": "b\n"}, body="Resolves #2").merge()


async def read_everything(http: httpx.AsyncClient, github: GitHub) -> None:
    """Every GET an installation makes."""
    shop = github.repository("acme/shop")
    pull = shop.get(3)
    sha, note = pull.pull.head_sha, github.tables.review_comments.under("issue", pull.row.id)[0]
    comment, review = shop.get(1).comments[0], pull.reviews[0]
    event = next(iter(github.tables.events))
    tree = github.git.open(shop.row.id).text("rev-parse", f"{sha}^{{tree}}")
    blob = github.git.open(shop.row.id).text("rev-parse", f"{sha}:src/a.py")
    for path in (
        "", "/issues?state=all&labels=bug&assignee=ann&creator=acme&milestone=1&sort=updated&direction=asc&since=2025-01-01T00:00:00Z&per_page=1",
        "/issues?state=all", "/issues/1", "/issues/3", "/issues/1/comments", "/issues/comments",
        f"/issues/comments/{comment.id}", "/issues/1/labels", "/issues/1/reactions", "/issues/1/events",
        "/issues/1/timeline", "/issues/events", f"/issues/events/{event.id}", "/labels", "/labels/bug", "/milestones",
        "/milestones/1", "/assignees", "/assignees/ann", f"/issues/comments/{comment.id}/reactions", "/pulls",
        "/pulls?state=closed&head=acme:old&base=main", "/pulls/3", "/pulls/3/files", "/pulls/3/commits",
        "/pulls/3/reviews", f"/pulls/3/reviews/{review.id}", f"/pulls/3/reviews/{review.id}/comments",
        "/pulls/3/comments", "/pulls/comments", f"/pulls/comments/{note.id}", f"/pulls/comments/{note.id}/reactions",
        "/pulls/4/merge", "/pulls/3/requested_reviewers", f"/commits/{sha}/pulls", "/contents/README.md",
        "/contents/src?ref=fix", "/readme", "/branches", "/branches/main", "/commits?sha=fix&path=src/a.py",
        f"/commits/{sha}", "/compare/main...fix", "/git/ref/heads/main", "/git/matching-refs/heads/m",
        f"/git/commits/{sha}", f"/git/trees/{tree}?recursive=1", f"/git/blobs/{blob}", f"/commits/{sha}/status",
        f"/commits/{sha}/statuses", f"/commits/{sha}/check-runs", f"/commits/{sha}/check-suites", "/languages",
        "/topics", "/collaborators", "/collaborators/ann", "/collaborators/ann/permission",
    ):  # fmt: skip
        answer = await http.get(SHOP + path)
        assert answer.status_code in (200, 204), f"{path}: {answer.status_code} {answer.text[:200]}"
    for path in (
        "/installation/repositories", "/rate_limit", "/orgs/acme", "/orgs/acme/members", "/orgs/acme/members/boss",
        "/orgs/acme/memberships/boss", "/orgs/acme/teams/core/members", "/orgs/acme/teams/core/memberships/boss",
        "/orgs/acme/repos", "/users/ann", "/users/acme/repos", "/apps/roundsman", "/search/issues?q=crash+repo:acme/shop",
        "/meta",
    ):  # fmt: skip
        answer = await http.get(path)
        assert answer.status_code in (200, 204), f"{path}: {answer.status_code} {answer.text[:200]}"


async def test_reads_fit(github: GitHub, judge: Judge, installation: Installation) -> None:
    """Every answer to a read is one GitHub's description allows."""
    furnish(github)
    async with client(judge, github, github.installation_token(installation)) as http:
        await read_everything(http, github)


async def send(http: httpx.AsyncClient, method: str, path: str, body: object = None) -> httpx.Response:
    """A write that must succeed."""
    answer = (
        await http.request(method, SHOP + path, json=body)
        if body is not None
        else await http.request(method, SHOP + path)
    )
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
    return answer


async def write_issues(http: httpx.AsyncClient) -> None:
    """Every write on issues."""
    number = (
        await send(
            http, "POST", "/issues", {"title": "New", "labels": ["a"], "milestone": 1, "assignees": ["ann"]}
        )
    ).json()["number"]
    here = f"/issues/{number}"
    await send(http, "PATCH", here, {"title": "Newer", "body": "x", "labels": ["b"], "milestone": None})
    await send(http, "PATCH", here, {"state": "closed", "state_reason": "not_planned"})
    await send(http, "PATCH", here, {"state": "open"})
    comment = (await send(http, "POST", f"{here}/comments", {"body": "hi"})).json()["id"]
    await send(http, "PATCH", f"/issues/comments/{comment}", {"body": "ho"})
    reaction = (
        await send(http, "POST", f"/issues/comments/{comment}/reactions", {"content": "eyes"})
    ).json()["id"]
    await send(http, "DELETE", f"/issues/comments/{comment}/reactions/{reaction}")
    reaction = (await send(http, "POST", f"{here}/reactions", {"content": "rocket"})).json()["id"]
    await send(http, "DELETE", f"{here}/reactions/{reaction}")
    await send(http, "DELETE", f"/issues/comments/{comment}")
    await send(http, "POST", f"{here}/labels", {"labels": ["bug"]})
    await send(http, "DELETE", f"{here}/labels/bug")
    await send(http, "PUT", f"{here}/labels", {"labels": ["bug", "x"]})
    await send(http, "DELETE", f"{here}/labels")
    await send(http, "POST", f"{here}/assignees", {"assignees": ["ann"]})
    await send(http, "DELETE", f"{here}/assignees", {"assignees": ["ann"]})
    await send(http, "PUT", f"{here}/lock", {"lock_reason": "spam"})
    await send(http, "DELETE", f"{here}/lock")
    await send(http, "POST", "/labels", {"name": "priority", "color": "ffffff"})
    await send(http, "PATCH", "/labels/priority", {"new_name": "prio"})
    await send(http, "DELETE", "/labels/prio")
    await send(http, "POST", "/milestones", {"title": "v2"})
    await send(http, "PATCH", "/milestones/2", {"state": "closed"})
    await send(http, "DELETE", "/milestones/2")


async def write_code(http: httpx.AsyncClient, github: GitHub) -> None:
    """Every write on git data."""
    main = github.repository("acme/shop").head()
    content = base64.b64encode(b"hello\n").decode()
    blob = (await send(http, "POST", "/git/blobs", {"content": content, "encoding": "base64"})).json()["sha"]
    base = (await send(http, "GET", f"/git/commits/{main}")).json()["tree"]["sha"]
    entry = {"path": "new/file.txt", "mode": "100644", "type": "blob", "sha": blob}
    tree = (await send(http, "POST", "/git/trees", {"base_tree": base, "tree": [entry]})).json()["sha"]
    commit = (
        await send(http, "POST", "/git/commits", {"message": "Add", "tree": tree, "parents": [main]})
    ).json()["sha"]
    await send(http, "POST", "/git/refs", {"ref": "refs/heads/topic", "sha": main})
    await send(http, "PATCH", "/git/refs/heads/topic", {"sha": commit})
    pull = (
        await send(http, "POST", "/pulls", {"title": "Topic", "head": "topic", "base": "main", "draft": True})
    ).json()
    assert (pull["changed_files"], pull["additions"]) == (1, 1)
    await send(http, "PUT", "/contents/new/b.txt", {"message": "b", "content": content, "branch": "topic"})
    sha = (await send(http, "GET", "/contents/new/b.txt?ref=topic")).json()["sha"]
    await send(http, "DELETE", "/contents/new/b.txt", {"message": "no b", "sha": sha, "branch": "topic"})
    await send(http, "PATCH", f"/pulls/{pull['number']}", {"title": "Topical", "state": "closed"})
    await send(http, "DELETE", "/git/refs/heads/topic")


async def write_reviews(http: httpx.AsyncClient, github: GitHub) -> None:
    """Every write on reviews and checks."""
    here, sha = "/pulls/3", github.repository("acme/shop").get(3).pull.head_sha
    notes = [{"path": "src/a.py", "line": 2, "side": "RIGHT", "body": "Hm."}]
    done = (
        await send(
            http, "POST", f"{here}/reviews", {"event": "REQUEST_CHANGES", "body": "No.", "comments": notes}
        )
    ).json()["id"]
    await send(http, "PUT", f"{here}/reviews/{done}", {"body": "Not yet."})
    await send(http, "PUT", f"{here}/reviews/{done}/dismissals", {"message": "Sorted out."})
    draft = (await send(http, "POST", f"{here}/reviews", {"body": "Later"})).json()["id"]
    await send(http, "POST", f"{here}/reviews/{draft}/events", {"event": "APPROVE"})
    draft = (await send(http, "POST", f"{here}/reviews", {"body": "Never"})).json()["id"]
    await send(http, "DELETE", f"{here}/reviews/{draft}")
    line = {"path": "src/a.py", "line": 1, "body": "Here", "commit_id": sha}
    note = (await send(http, "POST", f"{here}/comments", line)).json()["id"]
    await send(http, "POST", f"{here}/comments/{note}/replies", {"body": "There"})
    await send(http, "PATCH", f"/pulls/comments/{note}", {"body": "Everywhere"})
    heart = (await send(http, "POST", f"/pulls/comments/{note}/reactions", {"content": "heart"})).json()["id"]
    await send(http, "DELETE", f"/pulls/comments/{note}/reactions/{heart}")
    await send(http, "DELETE", f"/pulls/comments/{note}")
    await send(http, "POST", f"{here}/requested_reviewers", {"reviewers": ["boss"]})
    await send(http, "DELETE", f"{here}/requested_reviewers", {"reviewers": ["boss"]})
    run = (
        await send(http, "POST", "/check-runs", {"name": "rounds", "head_sha": sha, "status": "in_progress"})
    ).json()
    annotation = {
        "path": "src/a.py",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "failure",
        "message": "bad",
    }
    output = {"title": "t", "summary": "s", "annotations": [annotation]}
    here = f"/check-runs/{run['id']}"
    await send(http, "PATCH", here, {"conclusion": "failure", "output": output})
    assert (await send(http, "GET", here)).json()["status"] == "completed"
    assert len((await send(http, "GET", f"{here}/annotations")).json()) == 1
    suite = f"/check-suites/{run['check_suite']['id']}"
    await send(http, "GET", suite)
    await send(http, "GET", f"{suite}/check-runs")
    await send(http, "POST", "/check-suites", {"head_sha": sha})
    await send(http, "POST", f"{suite}/rerequest")


async def test_writes_fit_and_their_webhooks(
    github: GitHub, judge: Judge, installation: Installation
) -> None:
    """Every write is described, and so are the webhooks that follow."""
    github.grant(installation, statuses="write")
    furnish(github)
    async with client(judge, github, github.installation_token(installation)) as http:
        await write_issues(http)
        await write_reviews(http, github)
        await write_code(http, github)
        sha = github.repository("acme/shop").get(3).pull.head_sha
        await send(http, "POST", f"/statuses/{sha}", {"state": "success", "context": "ci"})
        await send(http, "PUT", "/pulls/3/merge")
    github.add_to_installation(installation, "shop")
    github.remove_from_installation(installation, "shop")
    github.add_to_installation(installation, "shop")
    github.rename_repo("acme/shop", "store")
    github.suspend(installation)
    github.suspend(installation, suspended=False)
    github.uninstall(installation)
    sent = {(x.event, x.action): x for x in github.deliveries}
    for (event, action), row in sent.items():
        judge_webhook(event, action, json.loads(row.body))
    assert len(sent) > 30


async def test_the_app_and_people_fit(
    github: GitHub, judge: Judge, installation: Installation, app: App
) -> None:
    """What the App asks with its JWT, and people with their tokens, is described."""
    furnish(github)
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(500, text="no"))
    ) as broken:
        await github.deliver(broken)
    here = f"/app/installations/{installation.id}"
    async with client(judge, github, github.app_jwt(app)) as http:
        deliveries = await http.get("/app/hook/deliveries?per_page=5&status=failure")
        one = deliveries.json()[0]["id"]
        for method, path in (
            ("GET", "/app"), ("GET", "/app/installations"), ("GET", here), ("GET", f"{SHOP}/installation"),
            ("GET", "/orgs/acme/installation"), ("GET", "/app/hook/config"), ("GET", f"/app/hook/deliveries/{one}"),
            ("POST", f"/app/hook/deliveries/{one}/attempts"), ("PUT", f"{here}/suspended"),
            ("DELETE", f"{here}/suspended"),
        ):  # fmt: skip
            answer = await http.request(method, path)
            assert answer.is_success, f"{method} {path}: {answer.text[:200]}"
        await http.patch("/app/hook/config", json={"url": "https://example.com/hook"})
        wanted = {"repositories": ["shop"], "permissions": {"issues": "write"}}
        minted = await http.post(f"{here}/access_tokens", json=wanted)
        assert minted.json()["permissions"] == {"metadata": "read", "issues": "write"}
        revoked = await http.delete(
            "/installation/token", headers={"authorization": f"token {minted.json()['token']}"}
        )
        assert revoked.status_code == 204
    async with client(judge, github, github.user_token(app, "ann")) as http:
        for path in (
            "/user",
            "/user/installations",
            f"/user/installations/{installation.id}/repositories",
            "/user/repos",
            "/issues",
        ):
            assert (await http.get(path)).status_code == 200
    async with client(judge, github, github.app_jwt(app)) as http:
        assert (await http.delete(here)).status_code == 204


async def test_errors_fit(github: GitHub, judge: Judge, installation: Installation) -> None:
    """Refusals are described, too."""
    async with client(judge, github, github.installation_token(installation)) as http:
        codes = [
            (await http.get("/repos/acme/none")).status_code,
            (await http.get(f"{SHOP}/issues/99")).status_code,
            (await http.get(f"{SHOP}/issues", params={"milestone": "99"})).status_code,
            (await http.post(f"{SHOP}/issues", json={"body": "no title"})).status_code,
            (await http.get("/search/issues", params={"q": "x repo:no/where"})).status_code,
        ]
    async with client(judge, github, "ghs_wrong") as http:
        codes.append((await http.get(SHOP)).status_code)
    assert codes == [404, 404, 422, 422, 422, 401]


async def test_the_judge_objects(github: GitHub, judge: Judge, installation: Installation) -> None:
    """An unknown parameter, a wrong body, an unknown address and a bad payload are faults."""
    async with client(judge, github, github.installation_token(installation)) as http:
        with pytest.raises(Misfit, match="no parameter 'label'"):
            await http.get(f"{SHOP}/issues?label=bug")
        github.repository("acme/shop").issue("a")
        with pytest.raises(Misfit, match="does not fit"):
            await http.patch(f"{SHOP}/issues/1", json={"title": "b", "assignee": 5})
        with pytest.raises(Misfit, match="GitHub has no GET"):
            await http.get(f"{SHOP}/wishes")
    with pytest.raises(Misfit):
        judge_webhook("issues", "opened", {"action": "opened"})
    assert len(description().operations) > 100
