"""Custom resource definitions that make no sense, and what of them may not change."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from validation_cases import Cases, changed, created, refused, stored, update_refused, warned

from kapiserver.resources.definition import Object
from kapiserver.resources.validation.crd_formats import has_format

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
SCHEMA: Object = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {"size": {"type": "integer"}, "name": {"type": "string"}},
        }
    },
}
CRD: Object = {
    "metadata": {"name": "foos.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "foos", "kind": "Foo"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": SCHEMA},
            }
        ],
    },
}
VERSION = "spec.versions.0"
ROOT = f"{VERSION}.schema.openAPIV3Schema"
SPEC = f"{ROOT}.properties.spec"
AT = "spec.validation.openAPIV3Schema"
AT_SPEC = f"{AT}.properties[spec]"
LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
UNSTORED = (
    '[{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,'
    '"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]'
)
APPROVAL = "metadata.annotations[api-approved.kubernetes.io]"
HOW = "https://github.com/kubernetes/enhancements/pull/1111"

DEFINITIONS: Cases = [
    (
        "spec.scope",
        "Everywhere",
        [
            (
                "spec.scope",
                'Unsupported value: "Everywhere": supported values: "Cluster", "Namespaced"',
            )
        ],
    ),
    (
        "spec.names.kind",
        "foo-",
        [
            ("spec.names.singular", f'Invalid value: "foo-": {LABEL_1035}'),
            (
                "spec.names.kind",
                f'Invalid value: "foo-": may have mixed case, but should otherwise match: '
                f"{LABEL_1035}",
            ),
        ],
    ),
    (
        "spec.names.listKind",
        "Foo",
        [("spec.names.listKind", 'Invalid value: "Foo": kind and listKind may not be the same')],
    ),
    (
        "metadata.name",
        "foos",
        [("metadata.name", 'Invalid value: "foos": must be spec.names.plural+"."+spec.group')],
    ),
    (
        f"{VERSION}.storage",
        False,
        [
            (
                "spec.versions",
                f"Invalid value: {UNSTORED}: must have exactly one version marked as storage "
                f"version",
            ),
            ("status.storedVersions", "Invalid value: null: must have at least one stored version"),
        ],
    ),
    (
        f"{VERSION}.schema",
        None,
        [("spec.versions[0].schema.openAPIV3Schema", "Required value: schemas are required")],
    ),
    (
        f"{VERSION}.deprecationWarning",
        "old",
        [
            (
                "spec.versions[0].deprecationWarning",
                'Invalid value: "old": can only be set for deprecated versions',
            )
        ],
    ),
    (
        "spec.preserveUnknownFields",
        True,
        [
            (
                "spec.preserveUnknownFields",
                "Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields "
                "to true in spec.versions[*].schema instead",
            )
        ],
    ),
    (
        f"{VERSION}.additionalPrinterColumns",
        [{"name": "Size", "type": "int", "jsonPath": "spec.size"}],
        [
            (
                "spec.additionalPrinterColumns[0].type",
                'Invalid value: "int": must be one of boolean,date,integer,number,string',
            ),
            (
                "spec.additionalPrinterColumns[0].JSONPath",
                'Invalid value: "spec.size": must be a simple json path starting with .',
            ),
        ],
    ),
    (
        f"{VERSION}.subresources",
        {"scale": {"specReplicasPath": ".status.n"}},
        [
            (
                "spec.subresources.scale.specReplicasPath",
                'Invalid value: ".status.n": should be a json path under .spec',
            ),
            ("spec.subresources.scale.statusReplicasPath", "Required value"),
        ],
    ),
    (
        f"{VERSION}.selectableFields",
        [
            {"jsonPath": ".spec.name"},
            {"jsonPath": ".spec"},
            {"jsonPath": ".spec['name']"},
            {"jsonPath": ".spec.name"},
        ],
        [
            (
                "spec.selectableFields[1].jsonPath",
                'Invalid value: ".spec": must point to a field of type string, boolean or integer. '
                "Enum string fields and strings with formats are allowed.",
            ),
            (
                "spec.selectableFields[2].jsonPath",
                "Invalid value: \".spec['name']\": is an invalid path: array notation is not "
                "allowed",
            ),
            ("spec.selectableFields[3].jsonPath", 'Duplicate value: ".spec.name"'),
        ],
    ),
]

SCHEMAS: Cases = [
    (f"{ROOT}.type", None, [(f"{AT}.type", "Required value: must not be empty at the root")]),
    (
        f"{ROOT}.nullable",
        True,
        [(f"{AT}.nullable", "Forbidden: nullable cannot be true at the root")],
    ),
    (
        f"{ROOT}.properties.metadata",
        {"type": "object", "properties": {"labels": {"type": "object"}}},
        [
            (
                f"{AT}.properties[metadata]",
                "Forbidden: must not specify anything other than name and generateName, but "
                "metadata is implicitly specified",
            )
        ],
    ),
    (
        f"{SPEC}.properties.size.type",
        "int",
        [
            (
                f"{AT_SPEC}.properties[size].type",
                'Unsupported value: "int": supported values: "array", "boolean", "integer", '
                '"number", "object", "string"',
            )
        ],
    ),
    (
        f"{SPEC}.properties.size.default",
        "big",
        [
            (
                f"{AT_SPEC}.properties[size].default",
                'Invalid value: "string":  in body must be of type integer: "string"',
            )
        ],
    ),
    (
        f"{SPEC}.default",
        {"colour": "red"},
        [(f"{AT_SPEC}.default", 'Invalid value: {"colour":"red"}: must not have unknown fields')],
    ),
    (f"{SPEC}.$ref", "#/x", [(f"{AT_SPEC}.$ref", "Forbidden: $ref is not supported")]),
    (
        f"{SPEC}.additionalProperties",
        {"type": "string"},
        [
            (
                f"{AT_SPEC}.additionalProperties",
                "Forbidden: additionalProperties and properties are mutual exclusive",
            )
        ],
    ),
    (
        f"{SPEC}.x-kubernetes-preserve-unknown-fields",
        False,
        [
            (
                f"{AT_SPEC}.x-kubernetes-preserve-unknown-fields",
                "Invalid value: false: must be true or undefined",
            )
        ],
    ),
    (
        f"{SPEC}.properties.name.pattern",
        "(a",
        [
            (
                f"{AT_SPEC}.properties[name].pattern",
                'Invalid value: "(a": must be a valid regular expression, but isn\'t: error '
                "parsing regexp: missing closing ): `(a`",
            )
        ],
    ),
    (
        f"{SPEC}.anyOf",
        [{"type": "object"}],
        [(f"{AT_SPEC}.anyOf[0].type", "Forbidden: must be empty to be structural")],
    ),
    (
        f"{ROOT}.anyOf",
        [{"properties": {"status": {"minProperties": 1}}}],
        [
            (
                f"{AT}.properties[status]",
                f"Required value: because it is defined in {AT}.anyOf[0].properties[status]",
            )
        ],
    ),
    (
        f"{SPEC}.properties.parts",
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"],
            "items": {"type": "object", "properties": {"id": {"type": "string"}}},
        },
        [
            (
                f"{AT_SPEC}.properties[parts].items.properties[id].default",
                "Required value: this property is in x-kubernetes-list-map-keys, so it must have a "
                "default or be a required property",
            )
        ],
    ),
    (
        f"{SPEC}.x-kubernetes-validations",
        [
            {"rule": " "},
            {"rule": "a\nb"},
            {"rule": "true", "fieldPath": ".nowhere", "reason": "Why"},
        ],
        [
            (
                f"{AT_SPEC}.x-kubernetes-validations[0].rule",
                "Required value: rule is not specified",
            ),
            (
                f"{AT_SPEC}.x-kubernetes-validations[1].message",
                "Required value: message must be specified if rule contains line breaks",
            ),
            (
                f"{AT_SPEC}.x-kubernetes-validations[2].reason",
                'Unsupported value: "Why": supported values: "FieldValueDuplicate", '
                '"FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
            ),
            (
                f"{AT_SPEC}.x-kubernetes-validations[2].fieldPath",
                'Invalid value: ".nowhere": fieldPath must be a valid path',
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "findings"), DEFINITIONS + SCHEMAS)
def test_a_definition_that_makes_no_sense(
    path: str, value: Any, findings: list[tuple[str, str]]
) -> None:
    assert refused(CRDS, changed(CRD, path, value)) == findings


def test_names_conversion_and_status_of_a_new_definition() -> None:
    made = stored(CRDS, CRD)
    assert made["spec"]["names"] == {
        "plural": "foos",
        "kind": "Foo",
        "singular": "foo",
        "listKind": "FooList",
    }
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert made["status"]["storedVersions"] == ["v1"]
    assert made["status"]["conditions"] is None


def test_all_that_is_missing_is_told_at_once() -> None:
    assert refused(CRDS, {"metadata": {"name": "foos.example.com"}, "spec": {}}) == [
        (
            "metadata.name",
            'Invalid value: "foos.example.com": must be spec.names.plural+"."+spec.group',
        ),
        ("spec.group", "Required value"),
        ("spec.scope", "Required value"),
        (
            "spec.versions",
            "Invalid value: null: must have exactly one version marked as storage version",
        ),
        ("spec.names.plural", "Required value"),
        ("spec.names.singular", "Required value"),
        ("spec.names.kind", "Required value"),
        ("spec.names.listKind", "Required value"),
        ("status.storedVersions", "Invalid value: null: must have at least one stored version"),
    ]


def test_schemas_that_differ_are_found_where_they_are() -> None:
    other = {"name": "v2", "served": True, "storage": False, "schema": {"openAPIV3Schema": {}}}
    both = changed(CRD, "spec.versions", [*CRD["spec"]["versions"], other])
    where = "spec.versions[1].schema.openAPIV3Schema.type"
    assert refused(CRDS, both) == [(where, "Required value: must not be empty at the root")]


def test_a_webhook_that_converts_is_reached_at_one_address() -> None:
    webhook = {
        "clientConfig": {"url": "http://a/b?c", "service": {"name": "s"}},
        "conversionReviewVersions": ["v1", "v1"],
    }
    conversion = {"strategy": "Webhook", "webhook": webhook}
    at = "spec.conversion"
    assert refused(CRDS, changed(CRD, at, conversion)) == [
        (f"{at}.webhookClientConfig", "Required value: exactly one of url or service is required"),
        (f"{at}.conversionReviewVersions[1]", 'Invalid value: "v1": duplicate version'),
    ]
    webhook["clientConfig"] = {"url": "http://a/b?c"}
    webhook["conversionReviewVersions"] = ["v7"]
    assert refused(CRDS, changed(CRD, at, conversion)) == [
        (
            f"{at}.webhookClientConfig.url",
            "Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: "
            "https://host[/path]",
        ),
        (
            f"{at}.webhookClientConfig.url",
            'Invalid value: "c": query parameters are not permitted in the URL',
        ),
        (
            f"{at}.conversionReviewVersions",
            'Invalid value: ["v7"]: must include at least one of v1, v1beta1',
        ),
    ]


def test_groups_of_the_community_need_approval() -> None:
    spec = changed(changed(CRD, "spec.group", "x.k8s.io"), "metadata.name", "foos.x.k8s.io")
    needs = 'protected groups must have approval annotation "api-approved.kubernetes.io"'
    assert refused(CRDS, spec) == [(APPROVAL, f"Required value: {needs}, see {HOW}")]
    for text in ("unapproved, experimental", "https://github.com/kubernetes/kubernetes/pull/1"):
        stored(CRDS, changed(spec, "metadata.annotations", {"api-approved.kubernetes.io": text}))


def test_what_may_not_change() -> None:
    old = stored(CRDS, CRD)
    old["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    new = changed(changed(old, "spec.scope", "Cluster"), "spec.names.kind", "Bar")
    assert update_refused(CRDS, old, new) == [
        ("spec.scope", 'Invalid value: "Cluster": field is immutable'),
        ("spec.names.kind", 'Invalid value: "Bar": field is immutable'),
    ]
    assert update_refused(CRDS, old, changed(old, f"{VERSION}.name", "v2")) == [
        (
            "status.storedVersions[0]",
            'Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, '
            "and must remain in spec.versions until a storage migration ensures no data remains "
            "persisted in v1 and removes v1 from status.storedVersions",
        )
    ]


def test_a_fault_that_was_stored_is_kept() -> None:
    old = created(CRDS, changed(CRD, f"{SPEC}.properties.size.type", "int"))[0]
    assert update_refused(CRDS, old, changed(old, "metadata.labels", {"a": "b"})) == []


def test_formats_of_strings_that_nobody_knows_are_warned_of() -> None:
    odd = changed(CRD, f"{SPEC}.properties.name.format", "colour")
    assert warned(CRDS, changed(odd, f"{SPEC}.properties.size.format", "int64")) == [
        'unrecognized format "colour"'
    ]


def test_a_root_leaves_room_for_the_status_subresource() -> None:
    with_status = changed(CRD, f"{VERSION}.subresources", {"status": {}})
    ((field, message),) = refused(CRDS, changed(with_status, f"{ROOT}.maxProperties", 3))
    assert field == AT
    assert message.startswith('Invalid value: {"ID":"","Schema":"","Ref":null,"Description":"",')
    assert '"MaxProperties":3,' in message
    assert message.endswith(
        "Example XPreserveUnknownFields XValidations] fields are allowed at the root of the "
        "schema if the status subresource is enabled"
    )


def test_status_is_written_alone_with_the_metadata() -> None:
    old = stored(CRDS, CRD)
    names = {"plural": "foos", "kind": "Foo-"}
    new = changed(changed(old, "status.acceptedNames", names), "spec.scope", "Nowhere")
    assert [field for field, _ in update_refused(CRDS, old, new, "status")] == [
        "status.acceptedNames.kind"
    ]


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("date", "2026-01-31", True),
        ("date", "20260131", False),
        ("date", "2026-02-30", False),
        ("ipv6", "fe80::1", True),
        ("ipv6", "fe80::1%eth0", False),
        ("ipv4", "::1", False),
        ("cidr", "10.0.0.1/8", True),
        ("cidr", "10.0.0.1/255.0.0.0", False),
        ("ssn", "\u0661\u0662\u0663456789", False),
        ("date-time", "2026-01-31T00:00:00Z", True),
        ("no-such-format", "x", True),
    ],
)
def test_formats_of_defaults(name: str, text: str, fits: bool) -> None:
    assert has_format(name, text) is fits


def test_a_bound_that_no_integer_holds_is_shown_as_it_is() -> None:
    huge = changed(CRD, f"{SPEC}.properties.size.maximum", 1e300)
    several = [*huge["spec"]["versions"], CRD["spec"]["versions"][0]]
    findings = dict(refused(CRDS, changed(huge, "spec.versions", several)))
    assert "1e300" in findings["spec.versions"] or "1e+300" in findings["spec.versions"]


def test_many_versions_cost_what_they_hold() -> None:
    def calls(count: int) -> int:
        versions = [{"name": f"v{number}", "subresources": {}} for number in range(count)]
        many = changed(CRD, "spec.versions", versions)
        seen = 0

        def note(*_: object) -> None:
            nonlocal seen
            seen += 1

        sys.setprofile(note)
        try:
            refused(CRDS, many)
        finally:
            sys.setprofile(None)
        return seen

    assert calls(400) < 3 * calls(200)
