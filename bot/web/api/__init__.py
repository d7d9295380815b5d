"""The REST API of SPEC §9: one file a subject."""

from fastapi import Depends, FastAPI

from bot.web.api import (
    configuration,
    health,
    items,
    machine_tokens,
    overview,
    queries,
    rounds,
    schedules,
    statistics,
)
from bot.web.problems import RESPONSES
from bot.web.rate import not_too_often

SUBJECTS = (overview, statistics, items, schedules, configuration, rounds, queries, machine_tokens)


def install(app: FastAPI) -> None:
    """Add all of them; everything under /api is counted."""
    app.include_router(health.router)
    # Straight into the app: FastAPI works every route out anew for each router that holds another.
    for subject in SUBJECTS:
        app.include_router(subject.router, dependencies=[Depends(not_too_often)], responses=RESPONSES)
