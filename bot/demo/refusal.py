"""Errors as GitHub words them."""

from typing import Any

from fastapi.responses import JSONResponse

DOCS = "https://docs.github.com/rest"


class Refusal(Exception):  # noqa: N818
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[dict[str, Any]] | list[str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}

    def answer(self) -> JSONResponse:
        """The JSON body and status GitHub answers with."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        body |= {"documentation_url": DOCS, "status": str(self.status)}
        return JSONResponse(body, self.status, headers=self.headers)


def not_found() -> Refusal:
    """404, also for what the caller may not know of."""
    return Refusal(404, "Not Found")


def bad_credentials() -> Refusal:
    """401 for a token that is none, is expired or revoked."""
    return Refusal(401, "Bad credentials")


def invalid(resource: str, field: str, code: str = "invalid", message: str | None = None) -> Refusal:
    """422 that names the field."""
    error = {"resource": resource, "field": field, "code": code}
    return Refusal(422, "Validation Failed", [error | ({"message": message} if message else {})])
