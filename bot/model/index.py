"""What is kept of a repository's items from one fire to the next, and how fresh it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Row = dict[str, Any]
"""An issue or pull request as GitHub's REST API gives it."""


class KeptList(BaseModel):
    """A list once read whole: which items it held is given by its conditions and bounds."""

    model_config = ConfigDict(frozen=True)
    pulls: bool
    conditions: tuple[tuple[str, str], ...] = ()
    since: str | None = None
    stop_field: str | None = None
    stop_direction: Literal["asc", "desc"] = "desc"
    stop_bound: str = ""


class Checked(BaseModel):
    """When GitHub was last asked what is new, and how much had been heard of the repository by webhooks before.

    `at` is our clock, before the request; `hearing` names the stretch in which deliveries are known to arrive.
    """

    model_config = ConfigDict(frozen=True)
    at: datetime
    hearing: str
    told: int
    doubts: int


class IndexMark(BaseModel):
    """How fresh a repository's index is: since when it is kept whole, from when on updates are news, which lists it holds.

    `generation` names one life of the index: who began with another one's begins again. `told` counts what webhooks told of
    items, `doubts` what they told that the index could not take in.
    """

    model_config = ConfigDict(frozen=True)
    generation: str
    version: int = 0
    begun_at: datetime
    since: str
    lists: tuple[KeptList, ...] = ()
    told: int = 0
    doubts: int = 0
    checked: Checked | None = None
