"""Names are refused with the words that people search for."""

from __future__ import annotations

import pytest

from kapiserver.resources import names
from kapiserver.resources.registry import builtin_registry

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    r"for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
    "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)


@pytest.mark.parametrize("name", ["a", "0", "a-b.c-d", "a" * 253])
def test_subdomains(name: str) -> None:
    assert names.dns1123_subdomain(name) == []


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a.", "a\n", "ä"])
def test_no_subdomains(name: str) -> None:
    assert names.dns1123_subdomain(name) == [SUBDOMAIN]


def test_a_name_may_be_too_long() -> None:
    assert names.dns1123_subdomain("a" * 254) == ["must be no more than 253 characters"]
    assert names.dns1123_label("a" * 64) == ["must be no more than 63 characters"]
    assert names.dns1035_label("A" * 64) == ["must be no more than 63 characters", LABEL_1035]


def test_labels() -> None:
    assert names.dns1123_label("1-a") == []
    assert names.dns1123_label("a.b") == ["must not contain dots"]
    assert names.dns1123_label("a_b") == [LABEL]
    assert names.dns1035_label("a-1") == []
    assert names.dns1035_label("1-a") == [LABEL_1035]


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("system:node:x", []),
        ("A b", []),
        (".", ["may not be '.'"]),
        ("..", ["may not be '..'"]),
        ("a/b%c", ["may not contain '/'", "may not contain '%'"]),
    ],
)
def test_path_segments(name: str, problems: list[str]) -> None:
    assert names.path_segment(name) == problems


@pytest.mark.parametrize(
    ("plural", "group", "good", "bad"),
    [
        ("pods", "", "web.0", "Web"),
        ("services", "", "0-web", "we.b"),
        ("namespaces", "", "prod", "prod.eu"),
        ("clusterroles", "rbac.authorization.k8s.io", "system:auth-delegator", "a/b"),
        ("ipaddresses", "networking.k8s.io", "2001:db8::1", "2001:DB8::1"),
        ("ipaddresses", "networking.k8s.io", "10.0.0.1", "010.0.0.1"),
        ("csidrivers", "storage.k8s.io", "ebs.csi.aws.com", "EBS.csi.aws.com"),
        ("events", "", "web.18a:7", "a/b"),
    ],
)
def test_each_resource_has_its_rule(plural: str, group: str, good: str, bad: str) -> None:
    definition = builtin_registry().resource(group, plural)
    assert definition is not None
    assert definition.name_rule is not None
    assert definition.name_rule(good) == []
    assert definition.name_rule(bad)


def test_a_generate_name_prefix_may_end_in_a_dash() -> None:
    assert names.dns1123_subdomain(names.masked_prefix("web-")) == []
    assert names.dns1123_subdomain(names.masked_prefix("we_b-")) != []
    assert names.masked_prefix("web") == "web"
