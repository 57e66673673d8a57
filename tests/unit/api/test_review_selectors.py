"""Selectors in questions about access: which are said to be ignored."""

from __future__ import annotations

from typing import Any

import pytest

from kapiserver.api.review_selectors import evaluation_error

FIELD = "spec.resourceAttributes.fieldSelector {}ignored due to parse error"
LABEL = "spec.resourceAttributes.labelSelector {}ignored due to parse error"


def wants(*requirements: tuple[str, list[str]]) -> dict[str, Any]:
    return {
        "requirements": [
            {"key": "k", "operator": operator, "values": values}
            for operator, values in requirements
        ]
    }


FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"rawSelector": "spec.nodeName=a,x!=b"}, ""),
    ({"rawSelector": "&foo"}, FIELD.format("")),
    (wants(("In", ["a"]), ("NotIn", ["b"])), ""),
    (wants(("In", ["a", "b"])), FIELD.format("")),
    (wants(("Exists", [])), FIELD.format("")),
    (wants(("Like", ["a"]), ("In", ["a"])), FIELD.format("partially ")),
]
LABELS: list[tuple[dict[str, Any], str]] = [
    ({"rawSelector": "a in (b,c),!d"}, ""),
    ({"rawSelector": "a in b"}, LABEL.format("")),
    (wants(("In", ["a", "b"]), ("NotIn", ["b"]), ("Exists", []), ("DoesNotExist", [])), ""),
    (wants(("Like", ["a"])), LABEL.format("")),
    (wants(("Like", ["a"]), ("Exists", [])), LABEL.format("partially ")),
]


@pytest.mark.parametrize(("selector", "said"), FIELDS)
def test_selectors_of_fields(selector: dict[str, Any], said: str) -> None:
    assert evaluation_error({"fieldSelector": selector}) == said


@pytest.mark.parametrize(("selector", "said"), LABELS)
def test_selectors_of_labels(selector: dict[str, Any], said: str) -> None:
    assert evaluation_error({"labelSelector": selector}) == said


def test_both_are_told_of_and_none_is_fine() -> None:
    bad = wants(("Like", ["a"]))
    said = evaluation_error({"labelSelector": bad, "fieldSelector": bad})
    assert said == f"{FIELD.format('')}; {LABEL.format('')}"
    assert evaluation_error({"verb": "list"}) == ""
