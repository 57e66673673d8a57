"""Formats of single values. In: a value. Out: what is wrong with it, in upstream's words.

The wording follows k8s.io/apimachinery/pkg/util/validation.
"""

from __future__ import annotations

import re
from typing import Any

from kapiserver.errors import Cause
from kapiserver.remembering import remembered
from kapiserver.resources.field_errors import invalid, required, unsupported
from kapiserver.resources.names import (
    SUBDOMAIN_MAX,
    dns1123_label,
    dns1123_subdomain,
    max_length,
    regex_problem,
)
from kapiserver.resources.validation.ip_syntax import ip_problems

Found = list[Cause]

MAX_INT32 = 2147483647
NON_NEGATIVE = "must be greater than or equal to 0"

_config_key = re.compile(r"[-._a-zA-Z0-9]+")
_port_name = re.compile(r"[-a-z0-9]+")
_letter = re.compile(r"[a-z]")
_header = re.compile(r"[-A-Za-z0-9]+")
_percent = re.compile(r"[0-9]+%")
_env_name = re.compile(r"[ -<>-~]+")  # printable ASCII but '='
_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORED = _LABEL + r"(\." + _LABEL + ")*"
_underscored = re.compile(_UNDERSCORED)
_PATH = r"^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$"
_path = re.compile(_PATH)


def in_range(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


_PORT_RANGE = in_range(1, 65535)
_ID_RANGE = in_range(0, MAX_INT32)


@remembered(4096)
def environment_name(name: str) -> tuple[str, ...]:
    if _env_name.fullmatch(name):
        return ()
    return (
        "a valid environment variable name must consist only of printable ASCII characters "
        "other than '='",
    )


def config_key(key: str) -> list[str]:
    """Keys of config maps and secrets, which become file names."""
    problems = []
    if len(key) > SUBDOMAIN_MAX:
        problems.append(max_length(SUBDOMAIN_MAX))
    if not _config_key.fullmatch(key):
        problems.append(
            regex_problem(
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                _config_key.pattern,
                "key.name",
                "KEY_NAME",
                "key-name",
            )
        )
    if key in (".", ".."):
        problems.append(f"must not be '{key}'")
    elif key.startswith(".."):
        problems.append("must not start with '..'")
    return problems


@remembered(4096)
def port_name(name: str) -> tuple[str, ...]:
    """IANA service names."""
    problems = []
    if len(name) > 15:
        problems.append(max_length(15))
    if not _port_name.fullmatch(name):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _letter.search(name):
        problems.append("must contain at least one letter (a-z)")
    if "--" in name:
        problems.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return tuple(problems)


def header_name(name: str) -> list[str]:
    if _header.fullmatch(name):
        return []
    return [
        regex_problem(
            "a valid HTTP header must consist of alphanumeric characters or '-'",
            _header.pattern,
            "X-Header-Name",
        )
    ]


def percent(text: str) -> list[str]:
    if _percent.fullmatch(text):
        return []
    return [
        regex_problem(
            "a valid percent string must be a numeric string followed by an ending '%'",
            _percent.pattern,
            "1%",
            "93%",
        )
    ]


def underscored_subdomain(name: str) -> list[str]:
    problems = []
    if len(name) > SUBDOMAIN_MAX:
        problems.append(max_length(SUBDOMAIN_MAX))
    if not _underscored.fullmatch(name):
        problems.append(
            regex_problem(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                "characters, '_', '-' or '.', and must start and end with an alphanumeric "
                "character",
                _UNDERSCORED,
                "example.com",
            )
        )
    return problems


def check_label(found: Found, name: str, path: str) -> None:
    found += [invalid(path, name, problem) for problem in dns1123_label(name)]


def check_subdomain(found: Found, name: str, path: str) -> None:
    found += [invalid(path, name, problem) for problem in dns1123_subdomain(name)]


def check_named(found: Found, name: str, path: str) -> None:
    """A subdomain that must be there."""
    if name:
        check_subdomain(found, name, path)
    else:
        found.append(required(path))


def check_ip(found: Found, address: str, path: str) -> None:
    found += [invalid(path, address, problem) for problem in ip_problems(address)]


def check_port(found: Found, number: int, path: str) -> None:
    if not 1 <= number <= 65535:
        found.append(invalid(path, number, _PORT_RANGE))


def check_port_or_name(found: Found, port: Any, path: str) -> None:
    if isinstance(port, str):
        found += [invalid(path, port, problem) for problem in port_name(port)]
    else:
        check_port(found, port or 0, path)


def check_id(found: Found, number: Any, path: str) -> None:
    """User and group ids; an absent one is fine."""
    if number is not None and not 0 <= number <= MAX_INT32:
        found.append(invalid(path, number, _ID_RANGE))


def check_choice(
    found: Found, value: Any, choices: tuple[str, ...], path: str, *, needed: bool = False
) -> None:
    if value is None or (needed and not value):
        if needed:
            found.append(required(path))
    elif value not in choices:
        found.append(unsupported(path, value, choices))


def check_non_negative(found: Found, obj: dict[str, Any], path: str, *fields: str) -> None:
    for name in fields:
        value = obj.get(name)
        if value is not None and value < 0:
            found.append(invalid(f"{path}.{name}", value, NON_NEGATIVE))


def check_domain_prefixed(found: Found, text: str, path: str) -> None:
    """`acme.io/foo`: names that belong to a domain."""
    if not text:
        found.append(required(path))
        return
    host, _, rest = text.partition("/")
    if not host or not rest:
        found.append(invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")'))
        return
    check_subdomain(found, host, path)
    if not _path.fullmatch(rest):
        found.append(invalid(path, rest, regex_problem("Invalid path", _PATH)))
