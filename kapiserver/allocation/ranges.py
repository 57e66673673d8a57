"""Ranges of addresses and ports, and the order in which they are tried. Pure.

A range has two bands. What is given out by itself comes from the upper one first, so that the lower
one is mostly free for people who choose (KEP-3070 for addresses, KEP-3668 for ports).
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

IPV4, IPV6 = "IPv4", "IPv6"

_SHORTEST_IPV6_PREFIX = 64


def family_of(address: Address | Network) -> str:
    return IPV4 if address.version == 4 else IPV6


def parse_address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def lower_band(size: int, *, least: int, most: int, step: int) -> int:
    """How much of a range is kept for people who choose; nothing of a small one."""
    return 0 if size <= least else min(max(least, size // step), most)


@dataclass(frozen=True, slots=True)
class AddressRange:
    """The addresses of a network that can be given out: not the network's own, nor, with IPv4,
    the broadcast address. `first` > `last` when there are none."""

    network: Network
    first: int
    last: int
    lower: int

    @classmethod
    def of(cls, network: Network) -> AddressRange:
        """ValueError: an IPv6 network of more than 2^64 addresses."""
        if network.version == 6 and network.prefixlen < _SHORTEST_IPV6_PREFIX:
            raise ValueError(
                f"shortest allowed prefix length for service CIDR is {_SHORTEST_IPV6_PREFIX}, "
                f"got {network.prefixlen}"
            )
        first = int(network.network_address) + 1
        last = int(network.broadcast_address) - (1 if network.version == 4 else 0)
        lower = lower_band(network.num_addresses, least=16, most=256, step=16)
        return cls(network, first, last, lower)

    @property
    def family(self) -> str:
        return family_of(self.network)

    def holds(self, address: Address) -> bool:
        return address.version == self.network.version and self.first <= int(address) <= self.last

    def text(self, number: int) -> str:
        """The canonical form, which is also the name of the IPAddress object."""
        kind = ipaddress.IPv4Address if self.network.version == 4 else ipaddress.IPv6Address
        return str(kind(number))

    def candidates(self) -> Iterator[str]:
        """Each address once."""
        middle = self.first + self.lower
        for number in _rotated(middle, self.last):
            yield self.text(number)
        for number in _rotated(self.first, middle - 1):
            yield self.text(number)


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def holds(self, port: int) -> bool:
        return self.first <= port <= self.last

    def candidates(self) -> Iterator[int]:
        """Each port once."""
        size = self.last - self.first + 1
        middle = self.first + lower_band(size, least=16, most=128, step=32)
        yield from _rotated(middle, self.last)
        yield from _rotated(self.first, middle - 1)


def _rotated(first: int, last: int) -> Iterator[int]:
    """first..last from a random point on, so that nodes seldom try the same at the same time."""
    size = last - first + 1
    if size <= 0:
        return
    start = random.randrange(size)
    for step in range(size):
        yield first + (start + step) % size
