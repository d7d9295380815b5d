"""Every error as an RFC 9457 problem: what, where, what to do. Source: https://www.rfc-editor.org/rfc/rfc9457"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from bot.store.jobs import ElsewhereKept, JobRefused, NameTaken, NeverFires, NoSuchJob

_CODES = {NameTaken: "name-taken", ElsewhereKept: "file-job", NoSuchJob: "unknown", NeverFires: "never-fires"}
MEDIA = "application/problem+json"
log = logging.getLogger("roundsman.web")


class Fault(BaseModel):
    """One thing wrong with what was sent."""

    pointer: str = Field(description="Where: a JSON pointer into the body, or the parameter's name.")
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    line: int | None = Field(None, description="In a file: the line, from 1.")
    column: int | None = None


class ProblemDetails(BaseModel):
    """An RFC 9457 problem; `code` is stable for programs, `detail` speaks to people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    code: str = ""
    errors: list[Fault] = []


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Raised anywhere below a route; becomes a problem document, or a page for browsers."""

    def __init__(
        self, status: int, detail: str, *, code: str = "", errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code
        self.errors, self.headers = list(errors), dict(headers or {})

    def document(self) -> ProblemDetails:
        """The problem as it is sent."""
        return ProblemDetails(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            errors=self.errors,
        )


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "model": ProblemDetails,
        "description": "A problem (RFC 9457).",
        "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
}
"""For routers: how errors look in OpenAPI."""

ErrorPage = Callable[[Request, Problem], Response]
"""Draws a problem for a browser; pages register theirs as `app.state.error_page`."""


def faults_of(
    error: ValidationError | RequestValidationError, root: tuple[str | int, ...] = ()
) -> list[Fault]:
    """What Pydantic found, without echoing what was sent."""
    found = []
    for detail in error.errors():
        place = [*root, *(part for part in detail["loc"] if not root or part != "body")]
        hint = str((detail.get("ctx") or {}).get("hint", ""))
        found.append(Fault(pointer=_pointer(place), message=str(detail["msg"]), hint=hint))
    return found


def _pointer(place: Sequence[str | int]) -> str:
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in place if part != "body"]
    return printable("/" + "/".join(parts) if parts else "")


def printable(text: str) -> str:
    """Text that can be sent: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def answer(request: Request, problem: Problem) -> Response:
    """A problem document; for a browser that asked for a page, the page."""
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is not None and wants_page(request):
        response = page(request, problem)
    else:
        response = Response(written(problem), problem.status, media_type=MEDIA)
    response.headers.update(problem.headers)
    return response


def written(problem: Problem) -> bytes:
    """The problem document as it is sent."""
    document = problem.document().model_dump(exclude_none=True)
    document = {key: value for key, value in document.items() if value or key in ("title", "status")}
    document["detail"] = printable(problem.detail)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def wants_page(request: Request) -> bool:
    """Whether a person's browser asked, and not a program."""
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def install(app: FastAPI) -> None:
    """Answer every error of the app as a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return answer(request, problem)

    @app.exception_handler(JobRefused)
    async def _refused(request: Request, refusal: JobRefused) -> Response:
        status = (
            409
            if isinstance(refusal, NameTaken | ElsewhereKept)
            else 404
            if isinstance(refusal, NoSuchJob)
            else 422
        )
        return answer(request, Problem(status, str(refusal), code=_CODES.get(type(refusal), "refused")))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        words = {
            404: "there is nothing here; check the address",
            405: "this address does not take this method",
        }
        detail = words.get(error.status_code, str(error.detail))
        return answer(request, Problem(error.status_code, detail, headers=error.headers))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        faults = faults_of(error)
        first = faults[0]
        return answer(
            request,
            Problem(422, f"{first.pointer or 'body'}: {first.message}", code="invalid", errors=faults),
        )


def broken(request: Request, error: Exception) -> Response:
    """The answer to what should not happen: the log has the story, the reader nothing of the inside."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request, Problem(500, "something broke on our side; the service's log says what"))
