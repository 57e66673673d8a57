"""Questions about access: what is wrong with them, in kube-apiserver's words."""

from __future__ import annotations

from typing import Any

import pytest

from kapiserver.errors import Cause
from kapiserver.resources.validation import access_reviews

PATH = {"nonResourceAttributes": {"path": "/"}}


def texts(causes: list[Cause]) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in causes]


def selecting(kind: str, **selector: Any) -> dict[str, Any]:
    return {"resourceAttributes": {kind: selector}}


FIELDS = "spec.resourceAttributes.fieldSelector"
LABELS = "spec.resourceAttributes.labelSelector"
QUESTIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({"resourceAttributes": {}}, []),
    (PATH, []),
    (
        {},
        [
            'spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes '
            "or resourceAttributes must be specified"
        ],
    ),
    (
        {"resourceAttributes": {}, **PATH},
        [
            'spec.nonResourceAttributes: Invalid value: {"path":"/"}: cannot be specified in '
            "combination with resourceAttributes"
        ],
    ),
    (
        selecting("fieldSelector", rawSelector="foo", requirements=[{"key": "a"}]),
        [
            f'{FIELDS}.rawSelector: Invalid value: "foo": may not specified at the same time as '
            "requirements"
        ],
    ),
    (
        selecting("labelSelector"),
        [
            f"{LABELS}.requirements: Required value: when {LABELS} is specified, requirements or "
            "rawSelector is required"
        ],
    ),
    (
        selecting("fieldSelector", requirements=[{"operator": "In"}]),
        [
            f"{FIELDS}.requirements[0].key: Required value: must be specified",
            f"{FIELDS}.requirements[0].values: Required value: must be specified when `operator` "
            "is 'In' or 'NotIn'",
        ],
    ),
    (
        selecting(
            "labelSelector", requirements=[{"key": "a", "operator": "Exists", "values": ["b"]}]
        ),
        [
            f"{LABELS}.requirements[0].values: Forbidden: may not be specified when `operator` is "
            "'Exists' or 'DoesNotExist'"
        ],
    ),
    (selecting("labelSelector", requirements=[{"key": "a", "operator": "Newer"}]), []),
]


@pytest.mark.parametrize(("spec", "expected"), QUESTIONS)
def test_questions(spec: dict[str, Any], expected: list[str]) -> None:
    assert texts(access_reviews.check_question(spec)) == expected


def test_a_question_is_about_somebody_and_has_no_name() -> None:
    assert texts(access_reviews.check_subject({})) == [
        'spec.user: Invalid value: "": at least one of user or group must be specified'
    ]
    assert access_reviews.check_subject({"groups": ["a"]}) == []
    named = {"metadata": {"name": "x", "namespace": "n", "managedFields": [{}]}}
    assert texts(access_reviews.check_metadata(named, "namespace")) == [
        'metadata: Invalid value: {"name":"x"}: must be empty except for namespace'
    ]


def test_a_local_question_stays_in_its_namespace() -> None:
    asked = {"resourceAttributes": {"namespace": "a"}, **PATH}
    assert texts(access_reviews.check_place(asked, "b")) == [
        'spec.resourceAttributes.namespace: Invalid value: "a": must match metadata.namespace',
        'spec.nonResourceAttributes: Invalid value: {"path":"/"}: disallowed on this kind of '
        "request",
    ]
