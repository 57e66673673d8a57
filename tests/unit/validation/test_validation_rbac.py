"""Roles and bindings that make no sense, and what of them may not change."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import Cases, changed, refused, stored, update_refused

from kapiserver.resources.definition import Object

ROLES = "roles.rbac.authorization.k8s.io"
CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"
BINDINGS = "rolebindings.rbac.authorization.k8s.io"
CLUSTER_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
GROUP = '"rbac.authorization.k8s.io"'

ROLE: Object = {
    "metadata": {"name": "reader"},
    "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
}
BINDING: Object = {
    "metadata": {"name": "readers"},
    "roleRef": {"kind": "ClusterRole", "name": "reader"},
    "subjects": [{"kind": "User", "name": "jane"}],
}


def test_rules() -> None:
    rules = [{}, {"verbs": ["get"], "nonResourceURLs": ["/a"], "apiGroups": [""]}]
    assert refused(ROLES, changed(ROLE, "rules", rules)) == [
        ("rules[0].verbs", "Required value: verbs must contain at least one value"),
        (
            "rules[0].apiGroups",
            "Required value: resource rules must supply at least one api group",
        ),
        ("rules[0].resources", "Required value: resource rules must supply at least one resource"),
        (
            "rules[1].nonResourceURLs",
            'Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
        ),
        (
            "rules[1].nonResourceURLs",
            'Invalid value: ["/a"]: rules cannot apply to both regular resources and '
            "non-resource URLs",
        ),
    ]


def test_aggregated_roles() -> None:
    assert refused(CLUSTER_ROLES, {"aggregationRule": {}}) == [
        (
            "aggregationRule.clusterRoleSelectors",
            "Required value: at least one clusterRoleSelector required if aggregationRule is "
            "non-nil",
        )
    ]
    bad = {"matchExpressions": [{"key": "a", "operator": "In"}]}
    path = "aggregationRule.clusterRoleSelectors[0]"
    assert refused(CLUSTER_ROLES, {"aggregationRule": {"clusterRoleSelectors": [bad]}}) == [
        (
            f"{path}.matchExpressions[0].values",
            "Required value: must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (path, 'Invalid value: "null": invalid label selector.'),
    ]


SUBJECTS: Cases = [
    (
        "kind",
        "Robot",
        [
            (
                "subjects[0].kind",
                'Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
            )
        ],
    ),
    (
        "apiGroup",
        "other",
        [("subjects[0].apiGroup", f'Unsupported value: "other": supported values: {GROUP}')],
    ),
    ("name", "", [("subjects[0].name", "Required value")]),
]


@pytest.mark.parametrize(("field", "value", "causes"), SUBJECTS)
def test_subjects(field: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(BINDINGS, changed(BINDING, f"subjects.0.{field}", value)) == causes


def test_the_service_account_of_a_cluster_binding_has_a_namespace() -> None:
    account = {"kind": "ServiceAccount", "name": "bot", "apiGroup": "x"}
    unknown = ("subjects[0].apiGroup", 'Unsupported value: "x": supported values: ""')
    assert refused(CLUSTER_BINDINGS, {**BINDING, "subjects": [account]}) == [
        unknown,
        ("subjects[0].namespace", "Required value"),
    ]
    assert refused(BINDINGS, {**BINDING, "subjects": [account]}) == [unknown]


def test_the_role_of_a_binding() -> None:
    assert refused(CLUSTER_BINDINGS, {**BINDING, "roleRef": {"kind": "Role", "name": "a/b"}}) == [
        ("roleRef.kind", 'Unsupported value: "Role": supported values: "ClusterRole"'),
        ("roleRef.name", "Invalid value: \"a/b\": may not contain '/'"),
    ]
    old = stored(BINDINGS, BINDING)
    assert update_refused(BINDINGS, old, changed(old, "roleRef.name", "writer")) == [
        (
            "roleRef",
            'Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole",'
            '"Name":"writer"}: cannot change roleRef',
        )
    ]
