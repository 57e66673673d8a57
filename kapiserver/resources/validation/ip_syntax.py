"""Syntax of IP addresses and CIDR ranges. In: a string. Out: what it stands for, and what is wrong
with it in upstream's words (nothing when it is well formed). Pure; the results are remembered.

Upstream reads addresses as Go always did, leading zeros included, and refuses by name what it would
once have let pass. Fields from before that rule take any spelling of a good address; fields since
then take the canonical one only.
"""

from __future__ import annotations

import ipaddress
import re
from socket import AF_INET6, inet_ntop, inet_pton

from kapiserver.remembering import remembered
from kapiserver.resources.field_errors import shown

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BAD_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
BAD_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"

_LONGEST = 64
_digits = re.compile(r"[0-9]{1,4}")


@remembered(8192)
def parse_ip(text: str) -> Address | None:
    """The address, read leniently: an IPv4 address in an IPv6 one counts as IPv4."""
    if len(text) > _LONGEST or "%" in text:
        return None
    try:
        address = ipaddress.ip_address(_without_zeros(text))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_zeros(text: str) -> str:
    """Octets may have leading zeros, which mean nothing."""
    head, colon, tail = text.rpartition(":")
    if "." not in tail:
        return text
    octets = [octet.lstrip("0") or octet[-1:] for octet in tail.split(".")]
    return f"{head}{colon}{'.'.join(octets)}"


# 1.0.0.0 to 223.255.255.255 without those that are special, as Go writes them
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ordinary_ipv4 = re.compile(
    rf"(?!127\.|169\.254\.)(?:22[0-3]|2[01][0-9]|1[0-9][0-9]|[1-9][0-9]?)(?:\.{_OCTET}){{3}}"
)
# 2000::/3, in hexadecimal
_global_ipv6 = re.compile(r"[23][0-9a-fA-F]{3}:[0-9a-fA-F:]+")


def is_plain_ip(text: str) -> bool:
    """Whether an address is of the common kind that nothing is wrong with. It is asked of each
    address of long lists, and has to be quick."""
    return bool(_ordinary_ipv4.fullmatch(text)) or _packed(text) is not None


def is_canonical_ip(text: str) -> bool:
    """Whether it is also spelt in the one way that nobody is warned of."""
    if _ordinary_ipv4.fullmatch(text):
        return True
    packed = _packed(text)
    return packed is not None and inet_ntop(AF_INET6, packed) == text


def _packed(text: str) -> bytes | None:
    try:
        return inet_pton(AF_INET6, text) if _global_ipv6.fullmatch(text) else None
    except OSError:
        return None


@remembered(8192)
def ip_problems(text: str) -> tuple[str, ...]:
    if parse_ip(text) is None:
        return (BAD_IP,)
    return _strict_problem(text, "must not have leading 0s", "must not be an")


def _strict_problem(text: str, zeros: str, mapped: str) -> tuple[str, ...]:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return (zeros,)
    if getattr(address, "ipv4_mapped", None) is not None:
        return (f"{mapped} IPv4-mapped IPv6 address",)
    return ()


def canonical_ip_problems(text: str) -> list[str]:
    problems = ip_problems(text)
    address = parse_ip(text)
    if problems or str(address) == text:
        return list(problems)
    return [f'must be in canonical form ("{address}")']


@remembered(4096)
def parse_cidr(text: str) -> Network | None:
    """The range that an address with a prefix length lies in."""
    address_text, _, length = text.partition("/")
    address = parse_ip(address_text)
    if address is None or not _digits.fullmatch(length):
        return None
    try:
        return ipaddress.ip_network((address, _length(address_text, address, int(length))), False)
    except ValueError:
        return None


def _length(text: str, address: Address, length: int) -> int:
    """IPv4 in IPv6 counts its bits from the start of the IPv6 address."""
    return max(length - 96, 0) if ":" in text and address.version == 4 else length


@remembered(4096)
def cidr_problems(text: str) -> tuple[str, ...]:
    network = parse_cidr(text)
    if network is None:
        return (BAD_CIDR,)
    address_text, _, length = text.partition("/")
    zeros = "must not have leading 0s in IP or prefix length"
    if str(int(length)) != length:
        return (zeros,)
    problems = _strict_problem(address_text, zeros, "must not have an")
    if not problems and parse_ip(address_text) != network.network_address:
        return ("must not have bits set beyond the prefix length",)
    return problems


def canonical_cidr_problems(text: str) -> list[str]:
    problems = cidr_problems(text)
    network = parse_cidr(text)
    if problems or str(network) == text:
        return list(problems)
    return [f'must be in canonical form ("{network}")']


def ip_warnings(path: str, text: str) -> list[str]:
    """For addresses that are taken as they are, and might be spelt better."""
    address = parse_ip(text)
    if address is None:
        return []
    if ip_problems(text):
        return [
            f"{path}: non-standard IP address {shown(text)} will be considered invalid in a future "
            f'Kubernetes release: use "{address}"'
        ]
    if str(address) != text:
        return [
            f"{path}: IPv6 address {shown(text)} should be in RFC 5952 canonical format "
            f'("{address}")'
        ]
    return []


def cidr_warnings(path: str, text: str) -> list[str]:
    network = parse_cidr(text)
    if network is None:
        return []
    address_text, _, length = text.partition("/")
    address, found = parse_ip(address_text), []
    if address != network.network_address:
        found.append(
            f"{path}: CIDR value {shown(text)} is ambiguous in this context (should be "
            f'"{network}" or "{address}/{network.max_prefixlen}"?)'
        )
    if ip_problems(address_text) or str(int(length)) != length:
        found.append(
            f"{path}: non-standard CIDR value {shown(text)} will be considered invalid in a future "
            f'Kubernetes release: use "{network}"'
        )
    if not found and str(network) != text:
        found.append(
            f"{path}: IPv6 CIDR value {shown(text)} should be in RFC 5952 canonical format "
            f'("{network}")'
        )
    return found


@remembered(8192)
def special_ip_problems(text: str) -> tuple[str, ...]:
    """Addresses that no endpoint of a service has, however they are spelt."""
    address = parse_ip(text)
    if address is None:
        return ("must be a valid IP address",)
    problems = []
    if address.is_unspecified:
        problems.append(f"may not be unspecified ({text})")
    if address.is_loopback:
        problems.append("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        problems.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if any(address in block for block in _LOCAL_MULTICAST if block.version == address.version):
        problems.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    return tuple(problems)


# ff?2::/16, whatever its flags
_LOCAL_MULTICAST = (
    ipaddress.ip_network("224.0.0.0/24"),
    *(ipaddress.ip_network(f"ff{flags:x}2::/16") for flags in range(16)),
)
