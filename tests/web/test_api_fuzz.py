"""Whatever a program sends, the API answers as its own description says, and never breaks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from bot.store.database import Database
from bot.store.tables import Executors, Sessions
from tests.web.house import House

EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]


KNOWN: dict[str, Any] = {"owner": "acme", "repo": "shop", "name": "triage", "run_id": 1, "session_id": 1}


@pytest.fixture
def furnished(sqlite: Database, tmp_path: Path) -> House:
    """A house with a job, a run and a session."""
    house = House(sqlite, tmp_path, public_url=None, api_rate=1_000_000)
    run = house.run(house.job())
    row = Sessions(
        run_id=run.id, job_id=run.job_id, repository_id=run.repository_id, number=3, title="T", url="", queued_at=house.clock.now()
    )  # fmt: skip
    now = house.clock.now()
    worker = Executors(id="one", host="h", pid=1, version="1", started_at=now, seen_at=now)
    house.database.write_now(lambda db: db.add_all([row, worker]))

    async def undo(_run_id: int, _by: str) -> list[str]:
        return []

    house.app.state.context = replace(house.context, undo=undo)
    return house


PARTS = 4
"""The operations are shared out, so that several processes can try them side by side."""


@pytest.mark.parametrize("part", range(PARTS))
def test_no_call_breaks_the_api(furnished: House, part: int) -> None:
    """Every answer to whatever is sent is one the description allows, in the form it gives, and no error is ours."""
    olga = asyncio.run(furnished.person("olga"))
    headers = {
        "X-CSRF-Token": olga.headers["X-CSRF-Token"],
        "Cookie": "; ".join(f"{k}={v}" for k, v in olga.cookies.items()),
    }
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", furnished.app)
    calls, broken = 0, []
    for result in islice(schema.get_all_operations(), part, None, PARTS):
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), real=st.booleans())
        def call(case: Any, real: bool) -> None:
            nonlocal calls
            calls += 1
            if real:  # half of the calls reach what is there
                case.path_parameters = {
                    key: KNOWN.get(key, value) for key, value in (case.path_parameters or {}).items()
                }
            case.call_and_validate(checks=CHECKS, headers=headers)

        try:
            call()
        except BaseExceptionGroup as failures:
            broken.append(f"{operation.label}: {'; '.join(str(one) for one in failures.exceptions)}")
    assert not broken, "\n\n".join(broken)
    assert calls > 5 * EXAMPLES
