"""admissionregistration.k8s.io/v1: webhooks and policies that take part in admission."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import (
    ALL_METADATA,
    Column,
    Object,
    Prepare,
    ResourceDefinition,
    Strategy,
    Validate,
    WriteContext,
)
from kapiserver.resources.printing import (
    UNSET,
    column,
    count_at,
    dig,
    items,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    with_status,
    without_status,
)
from kapiserver.resources.validation.admission_policies import (
    check_mutating_policy,
    check_policy_binding,
    check_policy_status,
    check_validating_policy,
)
from kapiserver.resources.validation.admission_rules import check_not_static, static_warnings
from kapiserver.resources.validation.webhooks import check_webhooks, webhook_warnings

ADMISSION = Group(
    "admissionregistration.k8s.io", "io.k8s.api.admissionregistration", any_finalizers=True
)
_CATEGORY = ("api-extensions",)
_TIMEOUT_SECONDS = 10
_SERVICE_PORT = 443


def _match_defaults(match: Object) -> None:
    set_default(match, "matchPolicy", "Equivalent")
    set_default(match, "namespaceSelector", {})
    set_default(match, "objectSelector", {})


def _rule_defaults(rules: list[Object]) -> None:
    for rule in rules:
        set_default(rule, "scope", "*")


def _webhook_defaults(*, mutating: bool) -> Prepare:
    def defaults(obj: Object, context: WriteContext) -> None:
        for webhook in items(obj, "webhooks"):
            set_default(webhook, "failurePolicy", "Fail")
            set_default(webhook, "timeoutSeconds", _TIMEOUT_SECONDS)
            _match_defaults(webhook)
            if mutating:
                set_default(webhook, "reinvocationPolicy", "Never")
            service = dig(webhook, "clientConfig", "service")
            if isinstance(service, dict):
                set_default(service, "port", _SERVICE_PORT)
            _rule_defaults(items(webhook, "rules"))

    return defaults


def _policy_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "failurePolicy", "Fail")
    _constraint_defaults(spec.get("matchConstraints"))


def _binding_defaults(obj: Object, context: WriteContext) -> None:
    _constraint_defaults(dig(obj, "spec", "matchResources"))


def _constraint_defaults(match: object) -> None:
    if isinstance(match, dict):
        _match_defaults(match)
        _rule_defaults(items(match, "resourceRules"))
        _rule_defaults(items(match, "excludeResourceRules"))


def _validate_webhooks(*, mutating: bool) -> Validate:
    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        found: list[Cause] = []
        old = None if context.old is None else items(context.old, "webhooks")
        check_webhooks(found, items(obj, "webhooks"), old, mutating=mutating)
        if old is None:
            check_not_static(found, obj)
        return found

    return validate


def _webhook_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    warnings = webhook_warnings(items(obj, "webhooks"))
    return warnings if context.old is None else [*static_warnings(obj), *warnings]


def _static_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    return () if context.old is None or context.subresource else static_warnings(obj)


def _validate_policy(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_policy_status(found, obj.get("status") or {})
        return found
    check_validating_policy(found, obj, context.old)
    if context.old is None:
        check_not_static(found, obj)
    return found


def _validate_mutating_policy(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_mutating_policy(found, obj, context.old)
    if context.old is None:
        check_not_static(found, obj)
    return found


def _validate_binding(*, mutating: bool) -> Validate:
    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        found: list[Cause] = []
        check_policy_binding(found, obj.get("spec") or {}, mutating=mutating)
        if context.old is None:
            check_not_static(found, obj)
        return found

    return validate


def _param_kind(obj: Object, now: float) -> str:
    kind = dig(obj, "spec", "paramKind")
    return f"{text(kind, 'apiVersion')}/{text(kind, 'kind')}" if kind else UNSET


def _param_ref(obj: Object, now: float) -> str:
    """Which object holds the parameters; '*' for a namespace that the request decides."""
    reference = dig(obj, "spec", "paramRef")
    name = text(reference, "name")
    if name:
        return f"{text(reference, 'namespace', absent='*')}/{name}"
    selector = dig(reference, "selector")
    return UNSET if selector is None else _selector_dump(selector)


def _selector_dump(selector: Object) -> str:
    """A selector as kube-apiserver prints it here: the Go value, field by field."""
    labels = selector.get("matchLabels") or {}
    chosen = "".join(f"{key}: {labels[key]}," for key in sorted(labels))
    asked = "".join(
        f"LabelSelectorRequirement{{Key:{text(each, 'key')},Operator:{text(each, 'operator')},"
        f"Values:[{' '.join(items(each, 'values'))}],}},"
        for each in items(selector, "matchExpressions")
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{chosen}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{asked}}},}}"
    )


def _count(title: str, field: str, description: str, *path: str) -> Column:
    return column(title, count_at(*path, field), description, type="integer")


def _binding_columns() -> tuple[Column, ...]:
    return table(
        column(
            "PolicyName",
            value_at("spec", "policyName"),
            "PolicyName indicates the policy definition which the policy binding binded to",
        ),
        column(
            "ParamRef",
            _param_ref,
            "ParamRef indicates the param resource which sets the configuration param",
        ),
    )


_PARAM_KIND = column(
    "ParamKind",
    _param_kind,
    "ParamKind specifies the kind of resources used to parameterize this policy",
)


def _webhooks(*, mutating: bool) -> Strategy:
    return without_status(
        defaults=_webhook_defaults(mutating=mutating),
        validate=_validate_webhooks(mutating=mutating),
        warnings=_webhook_warnings,
        unconditional_update=False,
        generation=True,
        complete=True,
    )


def _bindings(*, mutating: bool) -> Strategy:
    return without_status(
        defaults=_binding_defaults,
        validate=_validate_binding(mutating=mutating),
        warnings=_static_warnings,
        unconditional_update=False,
        generation=True,
        complete=True,
    )


_WEBHOOK_COLUMNS = table(
    _count(
        "Webhooks",
        "webhooks",
        "Webhooks indicates the number of webhooks registered in this configuration",
    )
)

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    ADMISSION.resource(
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
        namespaced=False,
        categories=_CATEGORY,
        strategy=without_status(
            defaults=_policy_defaults,
            validate=_validate_mutating_policy,
            warnings=_static_warnings,
            unconditional_update=False,
            generation=True,
            complete=True,
        ),
        columns=table(
            _count(
                "Mutations",
                "mutations",
                "Mutation indicates the number of mutations rules defined in this configuration",
                "spec",
            ),
            _PARAM_KIND,
        ),
    ),
    ADMISSION.resource(
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
        namespaced=False,
        categories=_CATEGORY,
        strategy=_bindings(mutating=True),
        columns=_binding_columns(),
    ),
    ADMISSION.resource(
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        namespaced=False,
        categories=_CATEGORY,
        strategy=_webhooks(mutating=True),
        columns=_WEBHOOK_COLUMNS,
    ),
    ADMISSION.resource(
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        namespaced=False,
        categories=_CATEGORY,
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_policy_defaults,
            update=split_status_and_metadata,
            status_keeps=ALL_METADATA,
            validate=_validate_policy,
            warnings=_static_warnings,
            unconditional_update=False,
            complete=True,
        ),
        columns=table(
            _count(
                "Validations",
                "validations",
                (
                    "Validations indicates the number of validation rules defined in this "
                    "configuration"
                ),
                "spec",
            ),
            _PARAM_KIND,
        ),
    ),
    ADMISSION.resource(
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        namespaced=False,
        categories=_CATEGORY,
        strategy=_bindings(mutating=False),
        columns=_binding_columns(),
    ),
    ADMISSION.resource(
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        namespaced=False,
        categories=_CATEGORY,
        strategy=_webhooks(mutating=False),
        columns=_WEBHOOK_COLUMNS,
    ),
)
