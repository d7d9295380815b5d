"""OpenTelemetry traces from trigger to comment, one a run; off unless the operator names a collector.

A run's sessions may work in other processes: their trace id follows from the run's id, so all spans meet in one trace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from bot import __version__

_tracer: trace.Tracer = trace.NoOpTracer()


def set_up(endpoint: str | None, exporter: SpanExporter | None = None) -> TracerProvider | None:
    """Begin to trace where there is a collector; the provider is to be shut down at the end. `exporter` is for tests."""
    global _tracer  # noqa: PLW0603
    if exporter is None and endpoint is None:
        _tracer = trace.NoOpTracer()
        return None
    if exporter is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=f"{str(endpoint).rstrip('/')}/v1/traces")
    provider = TracerProvider(
        resource=Resource({"service.name": "roundsman", "service.version": __version__})
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("roundsman", __version__)
    return provider


@contextmanager
def of_run(run_id: int, name: str, **about: str | int | None) -> Iterator[None]:
    """A span of a run's trace: the run itself, or one of its sessions, in whichever process."""
    told = {f"roundsman.{key}": value for key, value in about.items() if value is not None}
    parent = trace.set_span_in_context(NonRecordingSpan(root(run_id)))
    with _tracer.start_as_current_span(name, context=parent, attributes={"roundsman.run": run_id, **told}):
        yield


def on() -> bool:
    """Whether anything is traced."""
    return not isinstance(_tracer, trace.NoOpTracer)


def before(run_id: int, name: str, began: datetime, ended: datetime, **about: str | None) -> None:
    """A span of a run's trace for what led to it, told afterwards."""
    told = {f"roundsman.{key}": value for key, value in about.items() if value is not None}
    parent = trace.set_span_in_context(NonRecordingSpan(root(run_id)))
    given: dict[str, str | int] = {"roundsman.run": run_id, **told}
    span = _tracer.start_span(name, context=parent, attributes=given, start_time=_nanoseconds(began))
    span.end(_nanoseconds(ended))


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1_000


@contextmanager
def step(name: str) -> Iterator[None]:
    """A span of one step."""
    with _tracer.start_as_current_span(name):
        yield


def root(run_id: int) -> SpanContext:
    """The place all spans of a run hang on: the same in every process and on every replay."""
    known = hashlib.blake2b(f"roundsman run {run_id}".encode(), digest_size=24).digest()
    return SpanContext(
        trace_id=int.from_bytes(known[:16], "big"), span_id=int.from_bytes(known[16:], "big"), is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )  # fmt: skip
