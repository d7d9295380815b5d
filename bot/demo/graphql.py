"""The GraphQL endpoint over `schema.graphql`."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Depends, Response
from graphql import GraphQLError, GraphQLSchema, build_schema, graphql

from bot.demo import graphnodes, pulldeeds
from bot.demo import records as r
from bot.demo.call import Call, answer, enter
from bot.demo.ids import iso, read_node_id
from bot.demo.refusal import Refusal
from bot.demo.requestlog import Write
from bot.demo.search import find, ordered, visible_repos

router = APIRouter()
Fields = dict[str, Any]
SCHEMA: GraphQLSchema = build_schema(files("bot.demo").joinpath("schema.graphql").read_text())
_MISSING = "Could not resolve to a node with the global id of '{}'."


class Root:
    """The fields of Query and Mutation, for one call."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.core = call.core
        self.caller = call.caller

    def _visible(self, repo_id: int) -> r.Repo | None:
        repo = self.core.tables.repos.get(repo_id)
        if repo is None:
            return None
        try:
            self.call.allow(repo, "metadata:read")
        except Refusal:
            return None
        return repo

    def _node(self, wanted: str) -> Fields | None:
        read = read_node_id(wanted)
        finder = None if read is None else _FINDERS.get(read[0])
        return None if read is None or finder is None else finder(self, read[1])

    def node(self, info: Any, id: str) -> Fields | None:  # noqa: A002
        """Anything by its id."""
        found = self._node(id)
        if found is None:
            raise GraphQLError(_MISSING.format(id), extensions={"code": "NOT_FOUND"})
        return found

    def nodes(self, info: Any, ids: list[str]) -> list[Any]:
        """Things by their ids, in order; what cannot be found is null and an error."""
        if len(ids) > 100:
            raise GraphQLError(f"You may not provide more than 100 node ids; you provided {len(ids)}.")
        found = [self._node(x) for x in ids]
        missing = zip(ids, found, strict=True)
        return [x if x is not None else GraphQLError(_MISSING.format(i)) for i, x in missing]

    def viewer(self, info: Any) -> Fields | None:
        """The asker."""
        return graphnodes.actor(self.core, self.caller.login)

    def repository(self, info: Any, owner: str, name: str, **_: Any) -> Fields | None:
        """A repository by name."""
        repo = self.core.repo(f"{owner}/{name}")
        if repo is None or self._visible(repo.id) is None:
            raise GraphQLError(f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return self.repository_fields(repo)

    def repository_fields(self, repo: r.Repo) -> Fields:
        """A repository with its lists."""

        def one(kind: bool) -> Callable[..., Fields]:
            def get(info: Any, number: int) -> Fields:
                row = self.core.issue(repo, number)
                if row is None or row.is_pull != kind:
                    name = "PullRequest" if kind else "Issue"
                    raise GraphQLError(f"Could not resolve to a {name} with the number of {number}.")
                return graphnodes.item(self.core, row)

            return get

        def many(kind: bool) -> Callable[..., Fields]:
            def get(info: Any, **args: Any) -> Fields:
                rows = [x for x in self.core.tables.issues.under("repo", repo.id) if x.is_pull == kind]
                name = "pullRequests" if kind else "issues"
                kept = self._filtered(rows, args)
                return graphnodes.connection(name, kept, lambda x: graphnodes.item(self.core, x), args)

            return get

        fields = graphnodes.repository(self.core, repo)
        return fields | {
            "issue": one(False), "pullRequest": one(True), "issues": many(False), "pullRequests": many(True),
        }  # fmt: skip

    def _filtered(self, rows: list[r.Issue], args: Fields) -> list[r.Issue]:
        """`labels` is OR here, unlike REST; nothing said about state means all."""
        filters = {k: v for k, v in args.items() if v is not None} | {
            k: v for k, v in (args.get("filterBy") or {}).items() if v is not None
        }
        tests: list[Callable[[r.Issue], bool]] = []
        if "states" in filters:
            tests.append(lambda x: _state(self, x) in filters["states"])
        if "labels" in filters:
            wanted = {x.casefold() for x in filters["labels"]}
            tests.append(
                lambda x: any(self.core.tables.labels.rows[i].name.casefold() in wanted for i in x.labels)
            )
        if "since" in filters:
            tests.append(lambda x: x.updated_at >= filters["since"])
        if "assignee" in filters:
            tests.append(
                lambda x: (
                    filters["assignee"] in x.assignees or (filters["assignee"] == "*" and bool(x.assignees))
                )
            )
        if "createdBy" in filters:
            tests.append(lambda x: x.author == filters["createdBy"])
        if "mentioned" in filters:
            tests.append(lambda x: filters["mentioned"].lower() in x.mentions)
        pulls = self.core.tables.pulls.rows
        if "headRefName" in filters:
            tests.append(lambda x: pulls[x.id].head_ref == filters["headRefName"])
        if "baseRefName" in filters:
            tests.append(lambda x: pulls[x.id].base_ref == filters["baseRefName"])
        order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
        key = {"CREATED_AT": "created", "UPDATED_AT": "updated", "COMMENTS": "comments"}[order["field"]]
        kept = [x for x in rows if all(test(x) for test in tests)]
        return ordered(kept, key, descending=order["direction"] == "DESC")

    def rateLimit(self, info: Any, **_: Any) -> Fields:  # noqa: N802
        """Where the asker stands."""
        quota = self.core.limits.quota("graphql", self.caller.name, self.core.clock())
        reset = iso(self.core.clock().fromtimestamp(quota.reset, self.core.clock().tzinfo))
        return {"cost": 1, "limit": quota.limit, "nodeCount": 0, "remaining": quota.remaining, "resetAt": reset,
                "used": quota.used}  # fmt: skip

    def search(self, info: Any, query: str, type: str, **args: Any) -> Fields:  # noqa: A002
        """Issues and pull requests by a search query."""
        if type not in ("ISSUE", "ISSUE_ADVANCED"):
            return graphnodes.connection("search", [], lambda x: x, args)
        rows, sort = find(self.core, query, visible_repos(self.call), self.caller.login)
        kept = ordered(
            rows, (sort or "created").partition("-")[0], descending=not (sort or "").endswith("-asc")
        )[:1000]
        return graphnodes.connection("search", kept, lambda x: graphnodes.item(self.core, x), args)

    # --- mutations ----------------------------------------------------------------------------------------------------

    def _note_write(self, name: str) -> None:
        self.core.writes.add(Write("MUTATION", name, self.caller.name, 200))

    def _minimize(self, subject: str, reason: str | None) -> Fields:
        read = read_node_id(subject)
        tables = {"comment": self.core.tables.comments, "review": self.core.tables.reviews,
                  "review_comment": self.core.tables.review_comments}  # fmt: skip
        table: Any = None if read is None else tables.get(read[0])
        row = None if table is None or read is None else table.get(read[1])
        if row is None:
            raise GraphQLError(_MISSING.format(subject), extensions={"code": "NOT_FOUND"})
        self._require(row.repo_id, row.issue_id)
        row.minimized = reason
        table.put(row)
        self._note_write("minimizeComment" if reason else "unminimizeComment")
        return self._node(subject) or {}

    def _require(self, repo_id: int, issue_id: int) -> None:
        issue = self.core.tables.issues.rows[issue_id]
        needs = ["issues:write"] + (["pull_requests:write"] if issue.is_pull else [])
        repo = self.core.tables.repos.rows[repo_id]
        try:
            self.call.allow(repo, *needs)
            self.call.require_role(repo, "write")
        except Refusal as fault:
            raise GraphQLError(fault.message, extensions={"code": "FORBIDDEN"}) from fault

    def minimizeComment(self, info: Any, input: Fields) -> Fields:  # noqa: N802, A002
        """Hide a comment with a reason."""
        shown = self._minimize(input["subjectId"], input["classifier"])
        return {"clientMutationId": input.get("clientMutationId"), "minimizedComment": shown}

    def unminimizeComment(self, info: Any, input: Fields) -> Fields:  # noqa: N802, A002
        """Show a comment again."""
        shown = self._minimize(input["subjectId"], None)
        return {"clientMutationId": input.get("clientMutationId"), "unminimizedComment": shown}

    def _draft(self, subject: str, *, draft: bool) -> Fields:
        read = read_node_id(subject)
        row = self.core.tables.issues.get(read[1]) if read is not None and read[0] == "pull" else None
        if row is None:
            raise GraphQLError(_MISSING.format(subject))
        self._require(row.repo_id, row.id)
        pulldeeds.set_draft(self.core, row, self.call.actor, draft=draft)
        self._note_write("convertPullRequestToDraft" if draft else "markPullRequestReadyForReview")
        return {"pullRequest": graphnodes.item(self.core, row)}

    def markPullRequestReadyForReview(self, info: Any, input: Fields) -> Fields:  # noqa: N802, A002
        """Take a pull request out of draft."""
        return self._draft(input["pullRequestId"], draft=False)

    def convertPullRequestToDraft(self, info: Any, input: Fields) -> Fields:  # noqa: N802, A002
        """Make a pull request a draft."""
        return self._draft(input["pullRequestId"], draft=True)


def _state(root: Root, row: r.Issue) -> str:
    pull = root.core.tables.pulls.get(row.id) if row.is_pull else None
    return "MERGED" if pull is not None and pull.merged_at else row.state.upper()


def _item(root: Root, row_id: int) -> Fields | None:
    row = root.core.tables.issues.get(row_id)
    seen = row is not None and root._visible(row.repo_id) is not None
    return graphnodes.item(root.core, row) if row is not None and seen else None


def _comment(root: Root, row_id: int) -> Fields | None:
    row = root.core.tables.comments.get(row_id)
    seen = row is not None and root._visible(row.repo_id) is not None
    return graphnodes.comment(root.core, row) if row is not None and seen else None


def _review(root: Root, row_id: int) -> Fields | None:
    row = root.core.tables.reviews.get(row_id)
    seen = row is not None and root._visible(row.repo_id) is not None
    return graphnodes.review(root.core, row) if row is not None and seen else None


def _review_comment(root: Root, row_id: int) -> Fields | None:
    row = root.core.tables.review_comments.get(row_id)
    seen = row is not None and root._visible(row.repo_id) is not None
    return graphnodes.review_comment(root.core, row) if row is not None and seen else None


def _repository(root: Root, row_id: int) -> Fields | None:
    repo = root._visible(row_id)
    return None if repo is None else root.repository_fields(repo)


def _account(root: Root, row_id: int) -> Fields | None:
    row = root.core.tables.users.get(row_id)
    return None if row is None else graphnodes.actor(root.core, row.login)


_FINDERS: dict[str, Callable[[Root, int], Fields | None]] = {
    "issue": _item, "pull": _item, "comment": _comment, "review": _review, "review_comment": _review_comment,
    "repo": _repository, "user": _account, "bot": _account, "org": _account,
}  # fmt: skip


@router.post("/graphql")
async def endpoint(call: Call = Depends(enter)) -> Response:
    """Answer a query or mutation; errors of its own come with status 200."""
    if call.caller.kind == "anonymous":
        raise Refusal(401, "This endpoint requires you to be authenticated.")
    if call.caller.kind == "app":
        raise Refusal(403, "Resource not accessible by integration")
    query = call.body.get("query")
    if not isinstance(query, str) or not query.strip():
        return answer({"errors": [{"message": "A query attribute must be specified and must be a string."}]})
    name = call.body.get("operationName")
    root = Root(call)
    result = await graphql(
        SCHEMA,
        query,
        root,
        context_value=call,
        variable_values=call.body.get("variables") or {},
        operation_name=name,
    )
    body: Fields = {"data": result.data}
    if result.errors:
        body["errors"] = [_error(x) for x in result.errors]
    return answer(body)


def _error(fault: GraphQLError) -> Fields:
    shape: Fields = dict(fault.formatted)
    shape.pop("extensions", None)
    code = (fault.extensions or {}).get("code")
    missing = fault.message.startswith("Could not resolve")
    return {**shape, **({"type": code or "NOT_FOUND"} if code or missing else {})}
