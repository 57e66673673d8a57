"""Syntax of label keys and values. In: a string. Out: what is wrong with it, in upstream's words
(nothing when it is well formed). Pure; the results are remembered, because the same few keys come
with every object."""

from __future__ import annotations

import re

from kapiserver.remembering import remembered
from kapiserver.resources.names import SUBDOMAIN_MAX, dns1123_subdomain, max_length, regex_problem

PART_MAX = 63

_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_qualified = re.compile(_QUALIFIED)
_label_value = re.compile(_LABEL_VALUE)

_QUALIFIED_PROBLEM = regex_problem(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character",
    _QUALIFIED,
    "MyName",
    "my.name",
    "123-abc",
)
_LABEL_VALUE_PROBLEM = regex_problem(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character",
    _LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)


def _max_bytes(limit: int) -> str:
    # elsewhere the same limits are counted in characters; the words are upstream's
    return f"must be no more than {limit} bytes"


def _prefix(text: str) -> list[str]:
    longest = max_length(SUBDOMAIN_MAX)
    return [
        _max_bytes(SUBDOMAIN_MAX) if problem == longest else problem
        for problem in dns1123_subdomain(text)
    ]


@remembered(4096)
def qualified_name(value: str) -> tuple[str, ...]:
    """`[prefix/]name`: label and annotation keys, finalizers."""
    problems: list[str] = []
    prefix, slash, name = value.partition("/")
    if not slash:
        name = prefix
    elif "/" in name:
        return (
            f"a valid label key {_QUALIFIED_PROBLEM} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')",
        )
    elif not prefix:
        problems.append("prefix part must be non-empty")
    else:
        problems.extend(f"prefix part {problem}" for problem in _prefix(prefix))
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > PART_MAX:
        problems.append(f"name part {_max_bytes(PART_MAX)}")
    if not _qualified.fullmatch(name):
        problems.append(f"name part {_QUALIFIED_PROBLEM}")
    return tuple(problems)


@remembered(4096)
def label_value(value: str) -> tuple[str, ...]:
    problems = []
    if len(value) > PART_MAX:
        problems.append(_max_bytes(PART_MAX))
    if not _label_value.fullmatch(value):
        problems.append(_LABEL_VALUE_PROBLEM)
    return tuple(problems)
