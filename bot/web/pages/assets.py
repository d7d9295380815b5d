"""Static files, each under an address that changes with its content, so that browsers may keep it for good."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent.parent / "static"


@cache
def asset(name: str) -> str:
    """The address of a static file: `/static/app.css?v=3f2a9c1b`."""
    digest = hashlib.blake2s((FOLDER / name).read_bytes(), digest_size=4).hexdigest()
    return f"/static/{name}?v={digest}"


class Assets(StaticFiles):
    """Serves them, to be kept for a year where the address names the content."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Add how long the answer may be kept."""
        response = await super().get_response(path, scope)
        named = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if named else "public, max-age=300"
        )
        return response
