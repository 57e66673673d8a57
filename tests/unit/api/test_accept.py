"""Accept headers: what the router sees of them, and in what order their clauses are tried."""

from __future__ import annotations

import pytest

from kapiserver.api.accept import NotRouted, check_routed, clauses
from kapiserver.api.negotiation import ROUTED

ORDERS = [
    (b"text/a;q=0.2,text/b;q=0.7,text/c", ["text/c", "text/b", "text/a"]),
    (b"*/*,application/yaml", ["application/yaml", "*/*"]),
    # a type in front of a range stays there only if its weight is not the lower one
    (b"*/*,application/yaml;q=0.1", ["application/yaml", "*/*"]),
    (b"application/yaml;q=0.1,*/*", ["*/*", "application/yaml"]),
    (b"application/*,application/json", ["application/json", "application/*"]),
    # a weight that is no number is 0, and 0 is the last choice, not a refusal
    (b"text/a;q=much,text/b;q=0.1,text/c;q=0", ["text/b", "text/a", "text/c"]),
    (b"*", ["*/*"]),
    (b"json, a/b/c, , text/a", ["text/a"]),
]


@pytest.mark.parametrize(("header", "expected"), ORDERS)
def test_clauses_are_tried_in_the_order_of_gos_sort(header: bytes, expected: list[str]) -> None:
    assert [f"{clause.kind}/{clause.subtype}" for clause in clauses(header)] == expected


def test_parameters_without_a_value_or_with_two_are_no_parameters() -> None:
    (clause,) = clauses(b"text/a; as = Table ;v=;g=a=b;pretty")
    assert clause.parameters == (("as", "Table"),)


@pytest.mark.parametrize(
    "header", [b"*/*;q=0", b"text/html, application/yaml;as=x", b" application/json ;q=0.1"]
)
def test_the_router_compares_bare_types(header: bytes) -> None:
    check_routed(header, ROUTED)


@pytest.mark.parametrize("header", [b"application/*", b"*", b"text/html", b"APPLICATION/JSON"])
def test_the_router_knows_no_ranges(header: bytes) -> None:
    with pytest.raises(NotRouted) as caught:
        check_routed(header, ROUTED)
    assert caught.value.message == (
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )
    assert caught.value.status()["details"] == {}


def test_without_a_header_everything_is_accepted() -> None:
    check_routed(None, ROUTED)
    check_routed(b"", ROUTED)
