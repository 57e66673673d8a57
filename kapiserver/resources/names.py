"""Rules for object names. A rule takes a name and returns what is wrong with it, in words.

The wording is part of the interface: people search for it. It follows
k8s.io/apimachinery/pkg/util/validation. Pure functions; generateName prefixes are checked by the
caller, which masks the trailing dash first (`masked_prefix`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_WILDCARD = r"\*\." + _SUBDOMAIN
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"

LABEL_MAX = 63
SUBDOMAIN_MAX = 253

_label = re.compile(_LABEL)
_subdomain = re.compile(_SUBDOMAIN)
_wildcard = re.compile(_WILDCARD)
_label_1035 = re.compile(_LABEL_1035)

NameRule = Callable[[str], list[str]]


def max_length(limit: int) -> str:
    return f"must be no more than {limit} characters"


def regex_problem(message: str, pattern: str, *examples: str) -> str:
    """The sentence for a failed pattern; the doubled space between examples is upstream's."""
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {listed}regex used for validation is '{pattern}')"


def dns1123_subdomain(name: str) -> list[str]:
    problems = []
    if len(name) > SUBDOMAIN_MAX:
        problems.append(max_length(SUBDOMAIN_MAX))
    if not _subdomain.fullmatch(name):
        problems.append(
            regex_problem(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                "characters, '-' or '.', and must start and end with an alphanumeric character",
                _SUBDOMAIN,
                "example.com",
            )
        )
    return problems


def wildcard_subdomain(name: str) -> list[str]:
    """`*.` before a subdomain: what ingresses and certificates are for."""
    problems = []
    if len(name) > SUBDOMAIN_MAX:
        problems.append(max_length(SUBDOMAIN_MAX))
    if not _wildcard.fullmatch(name):
        problems.append(
            regex_problem(
                "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS "
                "subdomain, which must consist of lower case alphanumeric characters, '-' or '.' "
                "and end with an alphanumeric character",
                _WILDCARD,
                "*.example.com",
            )
        )
    return problems


def dns1123_label(name: str) -> list[str]:
    problems = []
    if len(name) > LABEL_MAX:
        problems.append(max_length(LABEL_MAX))
    if not _label.fullmatch(name):
        if _subdomain.fullmatch(name):
            # The name would do as a subdomain: the dots are the fault, and that is said.
            problems.append("must not contain dots")
        else:
            problems.append(
                regex_problem(
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric "
                    "characters or '-', and must start and end with an alphanumeric character",
                    _LABEL,
                    "my-name",
                    "123-abc",
                )
            )
    return problems


def dns1035_label(name: str) -> list[str]:
    problems = []
    if len(name) > LABEL_MAX:
        problems.append(max_length(LABEL_MAX))
    if not _label_1035.fullmatch(name):
        problems.append(
            regex_problem(
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                "start with an alphabetic character, and end with an alphanumeric character",
                _LABEL_1035,
                "my-name",
                "abc-123",
            )
        )
    return problems


def path_segment(name: str) -> list[str]:
    """The least that is asked of any name: it must fit into one segment of a URL path."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{mark}'" for mark in ("/", "%") if mark in name]


def masked_prefix(prefix: str) -> str:
    """A generateName prefix as its rule should see it: it may end in a dash."""
    if len(prefix) > 1 and prefix.endswith("-"):
        return prefix[:-2] + "a"
    return prefix
