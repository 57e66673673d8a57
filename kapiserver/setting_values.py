"""What the value of a setting may look like: text in, a parsed value out, ValueError with advice.

The formats are Go's and etcd's, as people know them from kube-apiserver's flags.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_SIZE = re.compile(r"(\d+)([kmg]i?)?b?", re.IGNORECASE)


def duration(text: str) -> float:
    """Seconds of a Go duration such as `1h`, `1m30s` or `250ms`."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("want a duration such as 30s, 5m or 1h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def size(text: str) -> int:
    """Bytes of `1572864`, `1536Ki`, `8Gi`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("want a size such as 1572864, 1536Ki or 8Gi")
    return int(match[1]) * _SIZES[(match[2] or "").lower()]


def boolean(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise ValueError("want true or false")


def port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError("want a port number from 0 to 65535")
    return number


def address(text: str) -> tuple[str, int]:
    """(host, port) of `host:port` or `[v6]:port`."""
    host, _, number = text.rpartition(":")
    if not host:
        raise ValueError("want HOST:PORT")
    return host.strip("[]"), port(number)


def names(text: str) -> tuple[str, ...]:
    """The parts of `a,b,c`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def chance(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 0.02:
        raise ValueError("can not be less than 0 or greater than 0.02")
    return number


def origins(text: str) -> tuple[str, ...]:
    """Regular expressions for Origin headers, which say where the host begins and ends."""
    found = names(text)
    for pattern in found:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"invalid regular expression: {pattern}: {error}") from error
        begins = "^" in pattern or "//" in pattern
        if not begins or not ("$" in pattern or ":" in pattern):
            raise ValueError(
                f"invalid regular expression: {pattern}: regular expression does not pin to "
                "start/end of host in the origin header"
            )
    return found


def transport_security(text: str) -> tuple[str, ...]:
    """The directives of RFC 6797."""
    found = names(text)
    for directive in found:
        name, _, seconds = directive.partition("=")
        flags = ("includeSubDomains", "preload")
        if directive not in flags and (name != "max-age" or not seconds.isdigit()):
            raise ValueError("allowed values: max-age=expireTime, includeSubDomains, preload")
    return found


def path_list(text: str) -> tuple[Path, ...]:
    """The files of `a,b,c`."""
    return tuple(Path(name) for name in names(text))


def members(text: str) -> tuple[tuple[str, str], ...]:
    """((name, host:port), …) of `node-1=10.0.0.1:2380,node-2=10.0.0.2:2380`."""
    found = []
    for part in filter(None, text.split(",")):
        name, _, where = part.partition("=")
        address(where)
        found.append((name, where))
    return tuple(found)


Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def networks(text: str) -> Networks:
    """One or two ranges, `10.96.0.0/16` or `10.96.0.0/16,fd00:96::/112`; the first is preferred."""
    found = tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(","))
    if len(found) > 2 or len({network.version for network in found}) != len(found):
        raise ValueError("want one range, or two of different IP families")
    for network in found:
        if network.num_addresses < 4 or (network.version == 6 and network.prefixlen < 64):
            raise ValueError(f"{network} is too small, or larger than an IPv6 /64")
    return found


def port_range(text: str) -> tuple[int, int]:
    """(first, last) of `30000-32767`, or `30000+2767` as a port and how many follow it."""
    match = re.fullmatch(r"(\d+)([-+])(\d+)", text)
    if match is None:
        raise ValueError("want a range of ports such as 30000-32767")
    first = port(match[1])
    last = port(match[3] if match[2] == "-" else str(first + int(match[3])))
    if not 0 < first <= last:
        raise ValueError("want a range of ports such as 30000-32767")
    return first, last
