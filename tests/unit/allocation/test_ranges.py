"""What can be given out of a range, and in which order."""

from __future__ import annotations

import ipaddress
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.allocation.ranges import AddressRange, PortRange, parse_address


def of(text: str) -> AddressRange:
    return AddressRange.of(ipaddress.ip_network(text))


@pytest.mark.parametrize(
    ("network", "first", "last", "lower"),
    [
        ("10.96.0.0/16", "10.96.0.1", "10.96.255.254", 256),
        ("10.0.0.0/8", "10.0.0.1", "10.255.255.254", 256),
        ("10.96.0.0/20", "10.96.0.1", "10.96.15.254", 256),
        ("10.96.0.0/24", "10.96.0.1", "10.96.0.254", 16),
        ("10.96.0.0/27", "10.96.0.1", "10.96.0.30", 16),
        ("10.96.0.0/28", "10.96.0.1", "10.96.0.14", 0),
        ("fd00::/112", "fd00::1", "fd00::ffff", 256),
        ("fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff", 256),
    ],
)
def test_bounds_and_bands(network: str, first: str, last: str, lower: int) -> None:
    found = of(network)
    assert (found.text(found.first), found.text(found.last), found.lower) == (first, last, lower)


@given(st.integers(min_value=22, max_value=32))
def test_each_address_comes_once_and_the_upper_band_first(prefix: int) -> None:
    found = of(f"10.96.0.0/{prefix}")
    candidates = list(found.candidates())
    hosts = max(0, 2 ** (32 - prefix) - 2)
    assert len(set(candidates)) == len(candidates) == hosts
    numbers = [int(ipaddress.ip_address(text)) for text in candidates]
    upper = hosts - min(found.lower, hosts)
    assert all(number >= found.first + found.lower for number in numbers[:upper])
    assert all(found.holds(ipaddress.ip_address(number)) for number in numbers)


def test_huge_ranges_are_not_laid_out() -> None:
    assert len(set(islice(of("fd00::/64").candidates(), 100))) == 100


def test_a_range_larger_than_upstream_allows() -> None:
    with pytest.raises(ValueError, match="shortest allowed prefix length for service CIDR is 64"):
        of("fd00::/63")


@pytest.mark.parametrize("outside", ["10.96.0.0", "10.96.0.255", "10.95.0.1", "fd00::1"])
def test_what_a_range_does_not_hold(outside: str) -> None:
    address = parse_address(outside)
    assert address is not None
    assert not of("10.96.0.0/24").holds(address)


@pytest.mark.parametrize(
    ("ports", "lower"),
    [((30000, 32767), 86), ((30000, 30015), 0), ((30000, 30019), 16), ((1, 65535), 128)],
)
def test_each_port_comes_once_and_the_upper_band_first(ports: tuple[int, int], lower: int) -> None:
    candidates = list(PortRange(*ports).candidates())
    assert sorted(candidates) == list(range(ports[0], ports[1] + 1))
    upper = candidates[: len(candidates) - lower]
    assert min(upper) == ports[0] + lower
