"""Faults on demand: what the network and GitHub do on a bad day."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Fault:
    """A fault that strikes matching requests `times` times after letting `skip` of them pass.

    Exactly one of these says what happens: `status` (any HTTP error, answered instead of the work),
    `drop` (`before` or `after` the work is done), `limit` (`primary`, `primary-429`, `secondary`, `secondary-403`
    or `secondary-bare`, the last without Retry-After), `latency` in seconds (the request then goes on).
    `after_work` answers `status` although the write was done.
    """

    method: str | None = None
    path: str = ""
    status: int | None = None
    message: str | None = None
    headers: dict[str, str] | None = None
    drop: str | None = None
    limit: str | None = None
    retry_after: int = 60
    latency: float = 0.0
    after_work: bool = False
    times: int | None = 1
    skip: int = 0
    caller: str | None = None
    struck: int = 0

    def fits(self, method: str, path: str, caller: str) -> bool:
        """Whether a request is one this fault is meant for (`path` is a regular expression)."""
        return (
            (self.method is None or self.method == method)
            and re.search(self.path, path) is not None
            and (self.caller is None or self.caller == caller)
        )


@dataclass(slots=True)
class DeliveryFault:
    """What happens to the next webhooks: sent `copies` times, `late` seconds later, or `lost` on the way."""

    event: str | None = None
    copies: int = 1
    late: float = 0.0
    lost: bool = False
    times: int | None = 1


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._requests: list[Fault] = []
        self._deliveries: list[DeliveryFault] = []

    def add(
        self,
        method: str | None = None,
        path: str = "",
        *,
        status: int | None = None,
        message: str | None = None,
        headers: dict[str, str] | None = None,
        drop: str | None = None,
        limit: str | None = None,
        retry_after: int = 60,
        latency: float = 0.0,
        after_work: bool = False,
        times: int | None = 1,
        skip: int = 0,
        caller: str | None = None,
    ) -> Fault:
        """Add a fault for requests (see `Fault`); `times=None` lasts until cleared."""
        fault = Fault(method, path, status, message, headers, drop, limit, retry_after, latency, after_work,
                      times, skip, caller)  # fmt: skip
        self._requests.append(fault)
        return fault

    def add_delivery(
        self,
        event: str | None = None,
        *,
        copies: int = 1,
        late: float = 0.0,
        lost: bool = False,
        times: int | None = 1,
    ) -> DeliveryFault:
        """Add a fault for outgoing webhooks (see `DeliveryFault`)."""
        fault = DeliveryFault(event, copies, late, lost, times)
        self._deliveries.append(fault)
        return fault

    def clear(self) -> None:
        """All is well again."""
        self._requests.clear()
        self._deliveries.clear()

    def strike(self, method: str, path: str, caller: str) -> Fault | None:
        """The fault that hits this request, used up by it."""
        for fault in list(self._requests):
            if not fault.fits(method, path, caller):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.struck += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._requests.remove(fault)
            return fault
        return None

    def strike_delivery(self, event: str) -> DeliveryFault | None:
        """The fault that hits this webhook, used up by it."""
        for fault in list(self._deliveries):
            if fault.event is not None and fault.event != event:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._deliveries.remove(fault)
            return fault
        return None

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._requests)
