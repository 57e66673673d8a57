"""Syntax of names, label keys and values. In: a string. Out: what is wrong with it, in upstream's
words (an empty list: nothing). Pure, no I/O; results of the hot checks are remembered."""

from __future__ import annotations

import re
from functools import lru_cache

_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_LABEL_VALUE = re.compile(r"(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z")

_QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"


@lru_cache(4096)
def qualified_name(value: str) -> tuple[str, ...]:
    """`[prefix/]name`: label and annotation keys, finalizers."""
    errors: list[str] = []
    prefix, slash, name = value.partition("/")
    if not slash:
        name = prefix
    elif "/" in name:
        text = _QUALIFIED_TEXT.replace("must consist of", "a qualified name must consist of", 1)
        return (
            f"{text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        )
    elif not prefix:
        errors.append("prefix part must be non-empty")
    else:
        errors.extend(f"prefix part {text}" for text in dns_subdomain(prefix))
    if not name:
        errors.append("name part must be non-empty")
    elif len(name) > 63:
        errors.append(f"name part {_too_long(63)}")
    if not _QUALIFIED.match(name):
        errors.append(f"name part {_QUALIFIED_TEXT}")
    return tuple(errors)


@lru_cache(4096)
def label_value(value: str) -> tuple[str, ...]:
    errors = []
    if len(value) > 63:
        errors.append(_too_long(63))
    if not _LABEL_VALUE.match(value):
        errors.append(_LABEL_VALUE_TEXT)
    return tuple(errors)


@lru_cache(1024)
def dns_subdomain(value: str) -> tuple[str, ...]:
    errors = []
    if len(value) > 253:
        errors.append(_too_long(253))
    if not _SUBDOMAIN.match(value):
        errors.append(_SUBDOMAIN_TEXT)
    return tuple(errors)


@lru_cache(1024)
def dns_label(value: str) -> tuple[str, ...]:
    errors = []
    if len(value) > 63:
        errors.append(_too_long(63))
    if not _LABEL.match(value):
        errors.append(_LABEL_TEXT)
    return tuple(errors)


def path_segment(name: str) -> tuple[str, ...]:
    """What any name must satisfy to be one segment of a URL path and of a storage key."""
    if name in (".", ".."):
        return (f"may not be '{name}'",)
    return tuple(f"may not contain '{bad}'" for bad in ("/", "%") if bad in name)
