"""`GET /metrics` for Prometheus: for whoever sees every repository, a person or a token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry, Gauge, Histogram, Info, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

import bot
from bot.ports import authorise
from bot.store import metrics, repositories, timings
from bot.store.metrics import Counts
from bot.store.timings import Timing
from bot.web.auth import Context, SignedInViewer
from bot.web.problems import RESPONSES, Problem

PROCESS = CollectorRegistry()
"""What only this process knows."""
WEBHOOK_SECONDS = Histogram(
    "roundsman_webhook_seconds", "From a webhook's last byte to our answer.", registry=PROCESS,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)  # fmt: skip

router = APIRouter(tags=["health"], responses=RESPONSES)


@router.get("/metrics", response_class=PlainTextResponse)
async def prometheus(context: Context, viewer: SignedInViewer) -> Response:
    """Tell how the service stands, and what it did in the last 24 hours."""
    every = await context.database.read(repositories.every)
    if not viewer.operator and (not every or any(authorise(viewer, "see", one) for one in every)):
        raise Problem(403, "metrics are for operators, and for tokens that see every repository", code="role")
    quotas = context.parts.get("quotas")
    now = context.now()
    spent = await context.database.write(timings.fold, now)
    told = exposition(await context.database.read(metrics.counts, now), quotas() if quotas else {}, spent)
    return Response(told + generate_latest(PROCESS), media_type=CONTENT_TYPE_LATEST)


def exposition(
    counts: Counts, quotas: Mapping[tuple[str, str], tuple[int, int]], spent: Mapping[str, Timing]
) -> bytes:
    """The counts in Prometheus' text format; `quotas` by account and resource are limit and rest."""
    registry = CollectorRegistry()
    Info("roundsman", "The program.", registry=registry).info({"version": bot.__version__})
    _by_status(registry, "jobs", "Living jobs.", counts.jobs)
    _by_status(registry, "runs", "Runs that wait or work.", counts.runs)
    _by_status(registry, "sessions", "Sessions that wait or work.", counts.sessions)
    _by_status(registry, "runs_ended_24h", "Runs of the last 24 hours that have ended.", counts.runs_ended)
    _by_status(
        registry, "sessions_ended_24h", "Sessions that ended in the last 24 hours.", counts.sessions_ended
    )
    by_command = Gauge(
        "roundsman_command_sessions_ended_24h", "Sessions that ended in the last 24 hours, by command.",
        ["command", "status"], registry=registry,
    )  # fmt: skip
    for (command, status), count in counts.commands.items():
        by_command.labels(command, status).set(count)
    _by(registry, "writes_24h", "What runs of the last 24 hours wrote to GitHub.", "kind", counts.writes)
    _by(
        registry,
        "notifications_sent_24h",
        "Notifications that left in the last 24 hours.",
        "channel",
        counts.notified,
    )
    singles = {
        "cost_usd_24h": ("US dollars spent in the last 24 hours.", counts.cost),
        "oldest_queued_session_seconds": ("How long the first session in the queue has waited.", counts.oldest_queued),
        "workers": ("Worker processes that gave a sign of life in the last 90 seconds.", counts.workers),
        "words_waiting": ("Notifications and outgoing webhooks that wait to leave.", counts.words_waiting),
        "deliveries_waiting": ("Webhook deliveries that wait to be worked on.", counts.deliveries_waiting),
        "stopped": ("1 while everything is stopped.", float(counts.stopped)),
    }  # fmt: skip
    for name, (words, value) in singles.items():
        Gauge(f"roundsman_{name}", words, registry=registry).set(value)
    registry.register(_Timings(spent))
    for place, name in enumerate(("limit", "remaining")):
        words = f"Requests of GitHub's allowance, {name}, as this process last heard."
        gauge = Gauge(f"roundsman_github_quota_{name}", words, ["account", "resource"], registry=registry)
        for (account, resource), told in quotas.items():
            gauge.labels(account, resource).set(told[place])
    return generate_latest(registry)


def _by_status(registry: CollectorRegistry, name: str, words: str, values: dict[str, int]) -> None:
    _by(registry, name, words, "status", values)


def _by(registry: CollectorRegistry, name: str, words: str, label: str, values: dict[str, int]) -> None:
    gauge = Gauge(f"roundsman_{name}", words, [label], registry=registry)
    for value, count in values.items():
        gauge.labels(value).set(count)


TIMES = {
    "fire_lag": "From a fire's due time to its record.",
    "run_duration": "From a run's start to its end.",
    "session_duration": "From a session's start to its end.",
}


class _Timings(Collector):
    """Histograms whose counts the database keeps."""

    def __init__(self, spent: Mapping[str, Timing]) -> None:
        self._spent = spent

    def collect(self) -> Iterator[Metric]:
        """One family each; buckets hold all up to their bound, as Prometheus wants them."""
        for name, told in self._spent.items():
            names = [*map(str, told.bounds), "+Inf"]
            buckets = list(zip(names, map(float, accumulate(told.counts)), strict=True))
            yield HistogramMetricFamily(
                f"roundsman_{name}_seconds", TIMES[name], buckets=buckets, sum_value=told.sum
            )
