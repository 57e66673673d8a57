"""Formats of strings that schemas of custom resources may name: which are known, and which hold."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date

from kapiserver.resources.names import dns1123_label, dns1123_subdomain
from kapiserver.resources.schema.quantity import quantity_value
from kapiserver.resources.validation.go_urls import UrlError, parse_request_uri
from kapiserver.resources.validation.ip_syntax import parse_cidr, parse_ip


def _fits(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _no_fault(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, UrlError, binascii.Error):
            return False
        return True

    return holds


def _anything(text: str) -> bool:
    return True


def _hex(*groups: str) -> Callable[[str], bool]:
    return _fits("(?i)" + "-?".join(groups))


_FOUR, _EIGHT, _TWELVE = "[0-9a-f]{4}", "[0-9a-f]{8}", "[0-9a-f]{12}"
_VARIANT = "[89ab][0-9a-f]{3}"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"
_DATE_TIME = (
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:?\d{2})?"
    r"|\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(?:[Zz]|[+-]\d{2}:?\d{2})"
)
_DURATION = (
    r"[+-]?(?:0|(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)"
    r"(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*)"
    r"|\d+ *(?:ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?"
    r"|seconds?|m|mins?|minutes?|h|hr|hrs?|hours?|d|days?|w|wks?|weeks?)"
)

_is_date_shaped = _fits(r"\d{4}-\d{2}-\d{2}")
_is_date = _no_fault(date.fromisoformat)

# By name without dashes, as names are compared.
_FORMATS: dict[str, Callable[[str], bool]] = {
    "bsonobjectid": _fits("[0-9a-fA-F]{24}"),
    "uri": _no_fault(parse_request_uri),
    "email": _fits(r"(?:[^<>]*<)?[^\s<>@]+@[^\s<>@]+>?"),
    "hostname": _fits(rf"(?:{_HOST}\.)*{_HOST}\.?"),
    "ipv4": lambda text: "." in text and parse_ip(text) is not None,
    "ipv6": lambda text: ":" in text and parse_ip(text) is not None,
    "cidr": lambda text: parse_cidr(text) is not None,
    "mac": _fits(r"(?i)[0-9a-f]{2}([:-][0-9a-f]{2}){5}|[0-9a-f]{4}(\.[0-9a-f]{4}){2}"),
    "uuid": _hex(_EIGHT, _FOUR, _FOUR, _FOUR, _TWELVE),
    "uuid3": _hex(_EIGHT, _FOUR, "3[0-9a-f]{3}", _FOUR, _TWELVE),
    "uuid4": _hex(_EIGHT, _FOUR, "4[0-9a-f]{3}", _VARIANT, _TWELVE),
    "uuid5": _hex(_EIGHT, _FOUR, "5[0-9a-f]{3}", _VARIANT, _TWELVE),
    "isbn": _fits(r"(?:[\d-]{13,17}|[\d-]{9,12}[\dXx])"),
    "isbn10": _fits(r"[\d-]{9,12}[\dXx]"),
    "isbn13": _fits(r"[\d-]{13,17}"),
    "creditcard": _fits(r"[\d -]{13,23}"),
    "ssn": _fits(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "hexcolor": _fits("#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _fits(r"rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)"),
    "byte": _no_fault(lambda text: base64.b64decode(text, validate=True)),
    "password": _anything,
    "date": lambda text: _is_date_shaped(text) and _is_date(text),
    "duration": _fits(_DURATION),
    "datetime": _fits(_DATE_TIME),
    "quantity": lambda text: quantity_value(text) is not None,
    "k8sshortname": lambda text: not dns1123_label(text),
    "k8slongname": lambda text: not dns1123_subdomain(text),
}


def is_known(name: str) -> bool:
    return name.replace("-", "") in _FORMATS


def has_format(name: str, text: str) -> bool:
    """Whether a string has the format; one that is not known is not looked at."""
    return _FORMATS.get(name.replace("-", ""), _anything)(text)
