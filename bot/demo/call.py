"""One request: its caller, its parameters, and the checks every route begins with."""

import json
from typing import Any
from urllib.parse import unquote

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from bot.demo import records as r
from bot.demo.auth import GRADES, Caller
from bot.demo.core import Actor, Core, at_least
from bot.demo.refusal import Refusal, invalid, not_found


class Call:
    """What a route works with."""

    def __init__(self, core: Core, request: Request, caller: Caller, raw: bytes) -> None:
        self.core = core
        self.request = request
        self.caller = caller
        self._raw = raw

    def param(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def number(self, name: str = "number") -> int:
        """A numeric part of the path; anything else is not found."""
        text = self.param(name)
        if not text.isdecimal() or len(text) > 18:
            raise not_found()
        return int(text)

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query_params.get(name, default)

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """A query parameter with closed values; 422 names a wrong one."""
        value = self.query(name) or default
        if value not in allowed:
            raise invalid("Search" if name == "q" else "Issue", name)
        return value

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object sent; 400 for what is no JSON."""
        if not self._raw:
            return {}
        try:
            value = json.loads(self._raw)
        except ValueError as fault:
            raise Refusal(400, "Problems parsing JSON") from fault
        if not isinstance(value, dict):
            raise Refusal(400, "Body should be a JSON object")
        return value

    @property
    def any_body(self) -> Any:
        """The JSON value sent, object or array."""
        try:
            return json.loads(self._raw) if self._raw else {}
        except ValueError as fault:
            raise Refusal(400, "Problems parsing JSON") from fault

    @property
    def accept(self) -> str:
        """The media types the caller wants."""
        return self.request.headers.get("accept", "")

    def text(self, name: str, resource: str = "Issue") -> str:
        """A text of the body that must be there."""
        value = self.body.get(name)
        if value is None or value == "":
            raise invalid(resource, name, "missing_field")
        if not isinstance(value, str):
            raise invalid(resource, name)
        if len(value) > 65_536:
            raise invalid(resource, name, "custom", f"{name} is too long (maximum is 65536 characters)")
        return value

    @property
    def actor(self) -> Actor:
        """Who does it; 401 for nobody, 403 for an App that speaks for itself only."""
        if self.caller.kind == "app":
            raise Refusal(403, "Resource not accessible by integration")
        return self.caller.actor

    def repo(self, *needs: str) -> r.Repo:
        """The repository of the path, if the caller has one of the needs (`issues:write`, ...)."""
        full_name = f"{unquote(self.param('owner'))}/{unquote(self.param('name'))}"
        repo = self.core.repo(full_name)
        if repo is None:
            raise not_found()
        self.allow(repo, *needs)
        return repo

    def allow(self, repo: r.Repo, *needs: str) -> None:
        """Refuse what the caller may not do: 404 where it may not look, else 401 or 403."""
        needs = needs or ("metadata:read",)
        write = any(need.partition(":")[2] != "read" for need in needs)
        if self.caller.kind == "app":
            raise Refusal(401, "A JSON web token could not be decoded")
        if self.caller.kind == "installation":
            self._allow_installation(repo, needs, write=write)
        else:
            self._allow_user(repo, needs, write=write)
        if write and repo.archived:
            raise Refusal(403, "Repository was archived so is read-only.")

    def _allow_installation(self, repo: r.Repo, needs: tuple[str, ...], *, write: bool) -> None:
        inside = repo.id in (self.caller.repositories or ())
        if not inside:
            if repo.private:
                raise not_found()
            if write:
                raise Refusal(403, "Resource not accessible by integration")
            return
        for need in needs:
            permission, _, grade = need.partition(":")
            if self.caller.grade(permission) >= GRADES[grade]:
                return
        if not write and not repo.private:
            return
        accepted = "; ".join(need.replace(":", "=") for need in needs)
        raise Refusal(
            403, "Resource not accessible by integration", headers={"x-accepted-github-permissions": accepted}
        )

    def _allow_user(self, repo: r.Repo, needs: tuple[str, ...], *, write: bool) -> None:
        role = self.core.role(repo, self.caller.login)
        if not at_least(role, "read"):
            raise not_found()
        if self.caller.kind == "user" and not self._installed(repo):
            # An App's user token reaches what the person and the App both reach.
            if repo.private:
                raise not_found()
            if write:
                raise Refusal(403, "Resource not accessible by integration")
        if self.caller.kind == "anonymous" and write:
            raise Refusal(401, "Requires authentication")
        if self.caller.kind == "personal" and write and not {"repo", "public_repo"} & set(self.caller.scopes):
            raise not_found()
        if self.caller.kind == "personal" and repo.private and "repo" not in self.caller.scopes:
            raise not_found()
        if write and not any(need.partition(":")[0] in ("issues", "pull_requests") for need in needs):
            self.require_role(repo, "write")

    def _installed(self, repo: r.Repo) -> bool:
        rows = self.core.tables.installations.under("account", repo.owner.lower())
        return any(
            x.app_id == self.caller.app_id and (x.repositories is None or repo.id in x.repositories)
            for x in rows
        )

    def require_role(self, repo: r.Repo, wanted: str) -> None:
        """For people: their role must reach this. Installations are judged by permissions alone."""
        if self.caller.kind != "installation" and not at_least(
            self.core.role(repo, self.caller.login), wanted
        ):
            raise Refusal(403, "Must have admin rights to Repository.")

    def has_role(self, repo: r.Repo, wanted: str) -> bool:
        """Whether `require_role` would pass."""
        return self.caller.kind == "installation" or at_least(self.core.role(repo, self.caller.login), wanted)

    def issue(self, grade: str = "read") -> tuple[r.Repo, r.Issue]:
        """The item of the path; a pull request may be reached with either permission."""
        repo = self.repo()
        row = self.core.issue(repo, self.number())
        if row is None and self.number() in repo.deleted:
            raise Refusal(410, "This issue was deleted")
        if row is None:
            raise not_found()
        needs = [f"issues:{grade}"] + ([f"pull_requests:{grade}"] if row.is_pull else [])
        self.allow(repo, *needs)
        return repo, row


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """A JSON answer."""
    return JSONResponse(value, status, headers=headers)


def done() -> Response:
    """204."""
    return Response(status_code=204)


async def enter(request: Request) -> Call:
    """The dependency every route has."""
    return Call(request.app.state.core, request, request.scope["caller"], await request.body())
