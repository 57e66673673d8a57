"""Where a request goes, and whether it may go there.

Pure. In: names, addresses and paths as users and objects spell them. Out: `Target`s and answers to
"is this address allowed".
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import quote

SCHEMES = ("", "http", "https")
# What Go's url.URL leaves as it is in a path.
_PATH_SAFE = "/$&+,:;=@!~*'()-._"
_BROADCAST = IPv4Address("255.255.255.255")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """One backend and the path to ask it for. `path` is decoded, `query` as it is on the wire.

    `tls` makes the context of a new connection, so that renewed certificates are used; None: plain.
    `public`: only addresses that are global unicast may be dialled.
    """

    host: str
    port: int
    path: str
    query: str = ""
    tls: Callable[[], ssl.SSLContext] | None = None
    public: bool = False

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The authority as a browser writes it: without the port that the scheme implies."""
        if self.port == (443 if self.tls else 80):
            return self.authority.rpartition(":")[0]
        return self.authority

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.request_target}"

    @property
    def request_target(self) -> str:
        path = quote(self.path, safe=_PATH_SAFE) or "/"
        return f"{path}?{self.query}" if self.query else path


class Named(NamedTuple):
    """A name in a proxy path, taken apart."""

    scheme: str
    name: str
    port: str


def split_name(text: str) -> Named | None:
    """`name`, `name:port` or `scheme:name:port`; None when it is none of these."""
    parts = text.split(":")
    if len(parts) == 1:
        found = Named("", parts[0], "")
    elif len(parts) == 2:
        found = Named("", parts[0], parts[1])
    elif len(parts) == 3:
        found = Named(*parts)
    else:
        return None
    return found if found.name and found.scheme in SCHEMES else None


def parse_address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Global unicast in Go's sense: private networks are, loopback and link-local are not."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or address == _BROADCAST
    )


def port_number(text: str) -> int | None:
    if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536:
        return int(text)
    return None
