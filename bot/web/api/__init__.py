"""The REST API of SPEC §9: one file a subject."""

from fastapi import APIRouter

from bot.web.api import health


def routers() -> tuple[APIRouter, ...]:
    """All of them."""
    return (health.router,)
