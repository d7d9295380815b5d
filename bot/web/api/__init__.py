"""The REST API of SPEC §9: one file a subject."""

from fastapi import APIRouter, Depends

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


def routers() -> tuple[APIRouter, ...]:
    """All of them; everything under /api is counted."""
    counted = APIRouter(dependencies=[Depends(not_too_often)], responses=RESPONSES)
    for subject in SUBJECTS:
        counted.include_router(subject.router)
    return (health.router, counted)
