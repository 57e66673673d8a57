"""Webhooks and admission policies that make no sense, and what of old ones may stay."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    REGISTRY,
    Cases,
    changed,
    created,
    refused,
    stored,
    update_refused,
    warned,
)

from kapiserver.resources.definition import Object

GROUP = "admissionregistration.k8s.io"
VALIDATING = f"validatingwebhookconfigurations.{GROUP}"
MUTATING = f"mutatingwebhookconfigurations.{GROUP}"
POLICIES = f"validatingadmissionpolicies.{GROUP}"
BINDINGS = f"validatingadmissionpolicybindings.{GROUP}"
MUTATING_POLICIES = f"mutatingadmissionpolicies.{GROUP}"

RULE: Object = {
    "operations": ["CREATE"],
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "resources": ["deployments"],
}
WEBHOOKS: Object = {
    "metadata": {"name": "checks"},
    "webhooks": [
        {
            "name": "a.example.com",
            "clientConfig": {"service": {"namespace": "n", "name": "s"}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "rules": [RULE],
        }
    ],
}
POLICY: Object = {
    "metadata": {"name": "small"},
    "spec": {
        "matchConstraints": {"resourceRules": [RULE]},
        "validations": [{"expression": "object.spec.replicas < 5"}],
    },
}
MUTATING_POLICY: Object = {
    "metadata": {"name": "labels"},
    "spec": {
        "matchConstraints": {"resourceRules": [RULE]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}],
        "reinvocationPolicy": "Never",
    },
}
BINDING: Object = {
    "metadata": {"name": "small"},
    "spec": {"policyName": "small", "validationActions": ["Deny"]},
}
HOOK = "webhooks.0"
AT = "webhooks[0]"
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
FORM = "; desired format: https://host[/path]"

HOOKS: Cases = [
    (
        f"{HOOK}.name",
        "short.com",
        [
            (
                f"{AT}.name",
                'Invalid value: "short.com": should be a domain with at least three segments '
                "separated by dots",
            )
        ],
    ),
    (
        f"{HOOK}.sideEffects",
        None,
        [(f"{AT}.sideEffects", "Required value: must specify one of None, NoneOnDryRun")],
    ),
    (
        f"{HOOK}.timeoutSeconds",
        31,
        [
            (
                f"{AT}.timeoutSeconds",
                "Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            )
        ],
    ),
    (
        f"{HOOK}.admissionReviewVersions",
        [],
        [(f"{AT}.admissionReviewVersions", "Required value: must specify one of v1, v1beta1")],
    ),
    (
        f"{HOOK}.failurePolicy",
        "Retry",
        [
            (
                f"{AT}.failurePolicy",
                'Unsupported value: "Retry": supported values: "Fail", "Ignore"',
            )
        ],
    ),
    (
        f"{HOOK}.clientConfig",
        {"url": "http://"},
        [
            (
                f"{AT}.clientConfig.url",
                f"Invalid value: \"http\": 'https' is the only allowed URL scheme{FORM}",
            ),
            (f"{AT}.clientConfig.url", f'Invalid value: "": host must be specified{FORM}'),
        ],
    ),
    (
        f"{HOOK}.clientConfig",
        {"service": {"namespace": "n", "name": "s", "port": 0, "path": "/B"}},
        [
            (
                f"{AT}.clientConfig.service.port",
                "Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
            ),
            (
                f"{AT}.clientConfig.service.path",
                'Invalid value: "/B": segment[0]: ' + SUBDOMAIN,
            ),
        ],
    ),
    (
        f"{HOOK}.rules",
        [{"operations": ["*", "PATCH"], "resources": ["*", "pods/*", "pods/log", "pods"]}],
        [
            (
                f"{AT}.rules[0].operations",
                'Invalid value: ["*","PATCH"]: if \'*\' is present, must not specify other '
                "operations",
            ),
            (
                f"{AT}.rules[0].operations[1]",
                'Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", '
                '"DELETE", "UPDATE"',
            ),
            (f"{AT}.rules[0].apiGroups", "Required value"),
            (f"{AT}.rules[0].apiVersions", "Required value"),
            (
                f"{AT}.rules[0].resources[2]",
                "Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log",
            ),
            (
                f"{AT}.rules[0].resources",
                'Invalid value: ["*","pods/*","pods/log","pods"]: if \'*\' is present, must not '
                "specify other resources without subresources",
            ),
        ],
    ),
    (
        f"{HOOK}.matchConditions",
        [{"name": "a", "expression": "true"}, {"name": "a"}],
        [
            (f"{AT}.matchConditions[1].expression", "Required value"),
            (f"{AT}.matchConditions[1].name", 'Duplicate value: "a"'),
        ],
    ),
    (
        "metadata.name",
        "mine.static.k8s.io",
        [
            (
                "metadata.name",
                'Invalid value: "mine.static.k8s.io": names ending with ".static.k8s.io" are '
                "reserved for static manifest-based configurations and cannot be managed via the "
                "API",
            )
        ],
    ),
]


@pytest.mark.parametrize("resource", [VALIDATING, MUTATING])
@pytest.mark.parametrize(("path", "value", "findings"), HOOKS)
def test_webhooks_that_make_no_sense(
    resource: str, path: str, value: Any, findings: list[tuple[str, str]]
) -> None:
    assert refused(resource, changed(WEBHOOKS, path, value)) == findings


def test_a_missing_namespace_is_told_as_kube_apiserver_tells_it() -> None:
    odd = changed(WEBHOOKS, f"{HOOK}.clientConfig.service.namespace", None)
    assert refused(VALIDATING, odd) == [(f"{AT}.clientConfig.service.name", "Required value")]


def test_only_mutating_webhooks_are_asked_again() -> None:
    assert stored(MUTATING, WEBHOOKS)["webhooks"][0]["reinvocationPolicy"] == "Never"
    assert "reinvocationPolicy" not in stored(VALIDATING, WEBHOOKS)["webhooks"][0]


def test_old_webhooks_keep_what_is_no_longer_allowed() -> None:
    old = created(VALIDATING, changed(WEBHOOKS, f"{HOOK}.sideEffects", "Some"))[0]
    two = changed(old, "webhooks", [*old["webhooks"], *old["webhooks"]])
    assert update_refused(VALIDATING, old, changed(old, f"{HOOK}.timeoutSeconds", 5)) == []
    assert update_refused(VALIDATING, old, two) == [
        ("webhooks[1].name", 'Duplicate value: "a.example.com"')
    ]
    assert update_refused(VALIDATING, two, two) == []


def test_rules_for_requests_that_webhooks_never_see_are_warned_of() -> None:
    rule = {
        "operations": ["CREATE"],
        "apiGroups": ["authentication.k8s.io"],
        "apiVersions": ["v1"],
        "resources": ["tokenreviews"],
    }
    assert warned(VALIDATING, changed(WEBHOOKS, f"{HOOK}.rules", [rule])) == [
        "webhooks[0].rules[0]: tokenreviews.authentication.k8s.io is excluded from admission "
        "webhooks; this rule will have no effect"
    ]


POLICY_CASES: Cases = [
    (
        "spec.validations",
        None,
        [
            (
                "spec.validations",
                "Required value: validations or auditAnnotations must contain at least one item",
            ),
            (
                "spec.auditAnnotations",
                "Required value: validations or auditAnnotations must contain at least one item",
            ),
        ],
    ),
    ("spec.matchConstraints", None, [("spec.matchConstraints", "Required value")]),
    (
        "spec.matchConstraints.resourceRules",
        [],
        [("spec.matchConstraints.resourceRules", "Required value")],
    ),
    (
        "spec.paramKind",
        {"apiVersion": "a/b/c"},
        [
            (
                "spec.paramKind.apiVersion",
                'Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
            ),
            ("spec.paramKind.kind", "Required value"),
        ],
    ),
    (
        "spec.variables",
        [{"name": "if", "expression": " "}],
        [
            (
                "spec.variables[0].name",
                'Invalid value: "if": must be a valid CEL identifier',
            ),
            ("spec.variables[0].expression", "Required value: expression is not specified"),
        ],
    ),
    (
        "spec.validations",
        [{"message": "a\nb", "reason": "Gone"}],
        [
            ("spec.validations[0].expression", "Required value: expression is not specified"),
            (
                "spec.validations[0].message",
                'Invalid value: "a\\nb": must not contain line breaks',
            ),
            (
                "spec.validations[0].reason",
                'Unsupported value: "Gone": supported values: "Forbidden", "Invalid", '
                '"RequestEntityTooLarge"',
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "findings"), POLICY_CASES)
def test_policies_that_make_no_sense(
    path: str, value: Any, findings: list[tuple[str, str]]
) -> None:
    assert refused(POLICIES, changed(POLICY, path, value)) == findings


MUTATING_CASES: Cases = [
    ("spec.reinvocationPolicy", None, [("spec.reinvocationPolicy", "Required value")]),
    (
        "spec.mutations",
        [],
        [("spec.mutations", "Required value: mutations must contain at least one item")],
    ),
    (
        "spec.mutations",
        [{"patchType": "JSONPatch", "applyConfiguration": {"expression": "x"}}],
        [
            (
                "spec.mutations[0].jsonPatch",
                "Required value: must be specified when patchType is JSONPatch",
            ),
            (
                "spec.mutations[0].applyConfiguration",
                'Invalid value: "{applyConfiguration}": must not be specified when patchType is '
                "JSONPatch",
            ),
        ],
    ),
    (
        "spec.matchConstraints.resourceRules.0.operations",
        ["DELETE"],
        [
            (
                "spec.matchConstraints.resourceRules.operations",
                'Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "findings"), MUTATING_CASES)
def test_mutating_policies_that_make_no_sense(
    path: str, value: Any, findings: list[tuple[str, str]]
) -> None:
    assert refused(MUTATING_POLICIES, changed(MUTATING_POLICY, path, value)) == findings


BINDING_CASES: Cases = [
    ("spec.policyName", None, [("spec.policyName", "Required value")]),
    (
        "spec.validationActions",
        [],
        [("spec.validationActions", "Required value: at least one validation action is required")],
    ),
    (
        "spec.validationActions",
        ["Deny", "Warn", "Deny"],
        [
            ("spec.validationActions[2]", 'Duplicate value: "Deny"'),
            (
                "spec.validationActions",
                'Invalid value: ["Deny","Warn","Deny"]: must not contain both Deny and Warn '
                "(repeating the same validation failure information in the API response and "
                "headers serves no purpose)",
            ),
        ],
    ),
    (
        "spec.paramRef",
        {"namespace": "n"},
        [
            ("spec.paramRef", "Required value: one of name or selector must be specified"),
            ("spec.paramRef.parameterNotFoundAction", "Required value"),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "findings"), BINDING_CASES)
def test_bindings_that_make_no_sense(
    path: str, value: Any, findings: list[tuple[str, str]]
) -> None:
    assert refused(BINDINGS, changed(BINDING, path, value)) == findings


def test_parameters_that_a_selector_finds_are_printed_as_go_prints_them() -> None:
    selector = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [{"key": "c", "operator": "In", "values": ["x", "y"]}],
    }
    definition = REGISTRY.resource(GROUP, "validatingadmissionpolicybindings")
    assert definition is not None
    (column,) = (each for each in definition.columns if each.name == "ParamRef")
    assert column.cell(BINDING, 0) == "<unset>"
    assert column.cell(changed(BINDING, "spec.paramRef.name", "p"), 0) == "*/p"
    assert column.cell(changed(BINDING, "spec.paramRef.selector", selector), 0) == (
        "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:"
        "[]LabelSelectorRequirement{LabelSelectorRequirement{Key:c,Operator:In,Values:[x y],},},}"
    )
