"""Which addresses may be reached: a name is resolved once, judged, and the connection goes to the judged address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port -> addresses as text; raises OSError where there are none."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32")
)
"""Link-local and the clouds' metadata services: credentials live there, so no setting opens them."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def why_not(address: str, *, private: bool) -> str | None:
    """Say why this address is not to be reached, or None. `private` opens loopback and the private networks."""
    try:
        told = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is no address"
    real = _within(told)
    if (
        real.is_multicast
        or real.is_unspecified
        or any(real in net for net in _NEVER if net.version == real.version)
    ):
        return f"{real} is never read from"
    if real.is_global or (private and (real.is_private or real.is_loopback)):
        return None
    return f"{real} is a private address"


def _within(address: Address) -> Address:
    """The IPv4 address an IPv6 one stands for: mapped, 6to4, Teredo and NAT64 all lead there."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    teredo = address.teredo
    inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
