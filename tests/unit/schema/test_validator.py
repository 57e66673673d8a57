"""The validator: what passes untouched, what is reported, and in whose words."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_objects import objects

from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.formats import (
    FormatProblem,
    canonical_micro_time,
    canonical_time,
)

CORE = "io.k8s.api.core.v1."
DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"
CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
KINDS = [
    CORE + "Pod",
    CORE + "ConfigMap",
    CORE + "Service",
    CORE + "Node",
    CORE + "Event",
    DEPLOYMENT,
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    "io.k8s.api.networking.v1.Ingress",
    CRD,
]
RELAXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_every_definition_compiles(schemas: SchemaSet) -> None:
    for name in schemas.names():
        schemas.validator(name).is_clean({})


@RELAXED
@given(data=st.data(), name=st.sampled_from(KINDS))
def test_an_object_that_the_schema_allows_loses_nothing_but_zeros(
    schemas: SchemaSet, data: st.DataObject, name: str
) -> None:
    obj = data.draw(objects(schemas, name))
    before = copy.deepcopy(obj)
    findings = schemas.validator(name).check(obj, on_unknown="collect")
    assert findings == ("", ())
    assert _without_zeros(obj) == _without_zeros(before)
    assert schemas.validator(name).is_clean(obj)
    tidy = copy.deepcopy(obj)
    assert schemas.validator(name).check(obj) == ("", ())
    assert obj == tidy


def _without_zeros(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: _without_zeros(below) for key, below in value.items()}
        return {key: below for key, below in inner.items() if below}
    return [_without_zeros(item) for item in value] if isinstance(value, list) else value


def _places(value: Any, path: str) -> list[tuple[dict[str, Any], str]]:
    """Objects inside of free-form data excepted: there nothing is unknown."""
    out: list[tuple[dict[str, Any], str]] = []
    if isinstance(value, dict):
        out.append((value, path))
        for key, below in value.items():
            out += _places(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            out += _places(below, f"{path}[{index}]")
    return out


@RELAXED
@given(data=st.data())
def test_an_unknown_field_anywhere_is_dropped_and_named_with_its_path(
    schemas: SchemaSet, data: st.DataObject
) -> None:
    name = CORE + "PodSpec"
    obj = data.draw(objects(schemas, name))
    schemas.validator(name).check(obj)
    clean = copy.deepcopy(obj)
    # A map of strings takes any key, so only typed objects are candidates.
    candidates = [
        (place, path)
        for place, path in _places(obj, "")
        if not path.endswith(("nodeSelector", "Labels", "annotations", "labels", "overhead"))
        and not any(word in path for word in ("limits", "requests", "options", "volumeAttributes"))
    ]
    place, path = data.draw(st.sampled_from(candidates))
    place["noSuchField"] = {"a": [1]}
    findings = schemas.validator(name).check(obj, on_unknown="collect")
    assert findings.error == ""
    assert findings.unknown == (f"{path}.noSuchField" if path else "noSuchField",)
    assert obj == clean


@RELAXED
@given(data=st.data())
def test_a_wrong_type_anywhere_is_an_error_that_names_the_way_there(
    schemas: SchemaSet, data: st.DataObject
) -> None:
    obj = data.draw(objects(schemas, DEPLOYMENT))
    obj.setdefault("spec", {})["paused"] = data.draw(st.sampled_from(["x", 1, [], {}]))
    error = schemas.validator(DEPLOYMENT).check(obj).error
    assert error.endswith("into Go struct field DeploymentSpec.spec.paused of type bool")


@pytest.mark.parametrize(
    ("obj", "error"),
    [
        (
            {"spec": {"replicas": "3"}},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas "
            "of type int32",
        ),
        (
            {"spec": {"replicas": 2**31}},
            "json: cannot unmarshal number 2147483648 into Go struct field "
            "DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"spec": {"replicas": 1.5}},
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas "
            "of type int32",
        ),
        (
            {"spec": {"template": {"spec": {"containers": "x"}}}},
            "json: cannot unmarshal string into Go struct field "
            "PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            {"spec": {"template": {"spec": {"containers": ["x"]}}}},
            "json: cannot unmarshal string into Go struct field "
            "PodSpec.spec.template.spec.containers of type v1.Container",
        ),
        (
            {"metadata": {"labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type "
            "string",
        ),
        (
            {"metadata": {"creationTimestamp": "yesterday"}},
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as '
            '"2006"',
        ),
        (
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": True}}}},
            "json: cannot unmarshal bool into Go struct field "
            "RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
        ),
        (
            {"metadata": {"deletionTimestamp": 5}},
            "json: cannot unmarshal number into Go struct field "
            "ObjectMeta.metadata.deletionTimestamp of type string",
        ),
        (
            {
                "spec": {
                    "template": {"spec": {"volumes": [{"name": "v", "configMap": {"name": 1}}]}}
                }
            },
            "json: cannot unmarshal number into Go struct field ConfigMapVolumeSource.spec."
            "template.spec.volumes.VolumeSource.configMap.LocalObjectReference.name of type string",
        ),
        ([], "json: cannot unmarshal array into Go value of type v1.Deployment"),
    ],
)
def test_a_wrong_type_is_reported_in_the_words_of_gos_decoder(
    schemas: SchemaSet, obj: Any, error: str
) -> None:
    assert schemas.validator(DEPLOYMENT).check(obj).error == error


def test_only_the_first_error_in_the_order_of_the_document_is_reported(schemas: SchemaSet) -> None:
    obj = {"spec": {"paused": "x", "replicas": "y"}}
    assert "paused" in schemas.validator(DEPLOYMENT).check(obj).error


def test_null_is_an_absent_field_and_a_zero_element(schemas: SchemaSet) -> None:
    pod = {
        "metadata": {"labels": {"a": None}, "name": None},
        "spec": {
            "containers": [None],
            "nodeSelector": None,
            "hostAliases": [{"hostnames": [None]}],
        },
    }
    assert schemas.validator(CORE + "Pod").check(pod) == ("", ())
    assert pod == {
        "metadata": {"labels": {"a": ""}},
        "spec": {"containers": [{}], "hostAliases": [{"hostnames": [""]}]},
    }


def test_quantities_times_and_base64_get_their_stored_form(schemas: SchemaSet) -> None:
    pod: dict[str, Any] = {
        "metadata": {"creationTimestamp": "2026-01-01T02:00:00.5+01:00"},
        "spec": {
            "containers": [
                {"resources": {"limits": {"cpu": 1.5, "memory": "1024Mi", "x": 2, "y": "0.5Gi"}}}
            ]
        },
    }
    assert schemas.validator(CORE + "Pod").check(pod).error == ""
    assert pod["metadata"]["creationTimestamp"] == "2026-01-01T01:00:00Z"
    limits = pod["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "1500m", "memory": "1Gi", "x": "2", "y": "512Mi"}
    secret = {"data": {"a": "aGVs\nbG8="}}
    assert schemas.validator(CORE + "Secret").check(secret).error == ""
    assert secret == {"data": {"a": "aGVsbG8="}}


def test_bad_base64_names_the_byte(schemas: SchemaSet) -> None:
    secret = schemas.validator(CORE + "Secret")
    for text, byte in (("aG!s", 2), ("abc", 0), ("AAAAabc", 4), ("é", 0), ("AAAA=", 4)):
        error = secret.check({"data": {"a": text}}).error
        assert error == f"illegal base64 data at input byte {byte}", text


def test_free_form_data_is_left_alone(schemas: SchemaSet) -> None:
    revision = {"data": {"anything": [None, {"x": None}]}, "revision": 1}
    before = copy.deepcopy(revision)
    findings = schemas.validator("io.k8s.api.apps.v1.ControllerRevision").check(revision)
    assert findings == ("", ())
    assert revision == before


def test_the_unions_of_crd_schemas_take_each_of_their_forms(schemas: SchemaSet) -> None:
    def crd(schema: dict[str, Any]) -> dict[str, Any]:
        return {"spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}}

    validator = schemas.validator(CRD)
    good = crd(
        {
            "additionalProperties": False,
            "items": {"type": "string"},
            "dependencies": {"a": ["b"], "c": {"type": "object"}},
            "default": {"free": [1, None]},
            "properties": {"x": {"items": [{"type": "string"}], "additionalProperties": {}}},
        }
    )
    before = copy.deepcopy(good)
    assert validator.check(good, on_unknown="collect") == ("", ())
    assert good == before
    quiet = crd({"items": {"type": "string", "unknown": 1}})
    assert validator.check(quiet, on_unknown="collect") == ("", ())
    assert quiet == crd({"items": {"type": "string"}})
    assert validator.check(crd({"additionalProperties": "x"})).error


def test_at_most_a_hundred_unknown_fields_are_named(schemas: SchemaSet) -> None:
    obj = {f"x{n}": n for n in range(1000)}
    findings = schemas.validator(CORE + "Pod").check(obj, on_unknown="collect")
    assert len(findings.unknown) == 100
    assert obj == {}


def test_required_fields_are_named_with_their_paths(schemas: SchemaSet) -> None:
    obj = {"spec": {"template": {"spec": {"containers": [{"image": "x"}, {"name": ""}]}}}}
    causes = schemas.validator(DEPLOYMENT).required(obj)
    assert [(c.field, c.message) for c in causes] == [
        ("spec.selector", "Required value"),
        ("spec.template.spec.containers[0].name", "Required value"),
        ("spec.template.spec.containers[1].name", "Required value"),
    ]


def test_what_is_zero_when_absent_is_never_missing(schemas: SchemaSet) -> None:
    node = schemas.validator("io.k8s.api.storage.v1.CSINode")
    assert node.required({"spec": {"drivers": None}}) == []
    scaler = schemas.validator("io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler")
    assert [cause.field for cause in scaler.required({"spec": {}})] == [
        "spec.scaleTargetRef.kind",
        "spec.scaleTargetRef.name",
    ]


def test_definitions_can_come_and_go_at_run_time(tmp_path: Path) -> None:
    schemas = SchemaSet.load(tmp_path)
    name = "com.example.stable.v1.CronTab"
    schemas.define(
        name,
        {
            "type": "object",
            "properties": {
                "metadata": {
                    "$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
                },
                "spec": {
                    "type": "object",
                    "properties": {
                        "port": {"x-kubernetes-int-or-string": True},
                        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    },
                },
            },
        },
    )
    obj = {"spec": {"port": "http", "any": {"x": {"y": 1}}, "gone": 1}, "metadata": {"name": "a"}}
    findings = schemas.validator(name).check(obj, on_unknown="collect")
    assert findings == ("", ("spec.gone",))
    assert obj == {"spec": {"port": "http", "any": {"x": {"y": 1}}}, "metadata": {"name": "a"}}
    schemas.forget(name)
    with pytest.raises(KeyError):
        schemas.validator(name)


@pytest.mark.parametrize(
    ("seconds", "unread", "layout"),
    [("05", "Z", ".000000"), ("05.1234", ".1234Z", ".000000"), ("05.123456789", "789Z", "Z07:00")],
)
def test_a_fraction_of_a_second_has_six_digits(seconds: str, unread: str, layout: str) -> None:
    with pytest.raises(FormatProblem) as refused:
        canonical_micro_time(f"2026-01-02T03:04:{seconds}Z")
    assert str(refused.value).endswith(f'cannot parse "{unread}" as "{layout}"')


def test_whole_numbers_are_written_without_a_point(schemas: SchemaSet) -> None:
    name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
    obj = {"maximum": 3.0, "minimum": -0.5, "multipleOf": 1e300}
    assert not schemas.validator(name).check(obj).error
    assert repr(obj) == "{'maximum': 3, 'minimum': -0.5, 'multipleOf': 1e+300}"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-01-02T3:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05,5+01:30", "2026-01-02T01:34:05Z"),
        ("2026-01-02T03:04:05-24:00", "2026-01-03T03:04:05Z"),
        ("2026-01-02T03:04:05+00:60", "2026-01-02T02:04:05Z"),
    ],
)
def test_times_that_go_takes(sent: str, stored: str) -> None:
    assert canonical_time(sent) == stored


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ("2026-13-02x", ": month out of range"),
        ("2026-02-30T03:04:05Z", ": day out of range"),
        ("2026-01-02T03:04:05+25:00", ": time zone offset hour out of range"),
        ("2026-01-02T03:04:05Zx", ': extra text: "x"'),
        ("\uff11", ' as "2006-01-02T15:04:05Z07:00": cannot parse "\\xef\\xbc\\x91" as "2006"'),
    ],
)
def test_times_that_go_does_not_take(sent: str, problem: str) -> None:
    with pytest.raises(FormatProblem) as caught:
        canonical_time(sent)
    assert str(caught.value).endswith(problem)


def test_the_zero_time_is_none(schemas: SchemaSet) -> None:
    event = {
        "metadata": {"deletionTimestamp": "0001-01-01T00:00:00Z"},
        "eventTime": "0001-01-01T00:00:00.000000Z",
        "firstTimestamp": "0001-01-01T00:00:01Z",
    }
    assert not schemas.validator(CORE + "Event").check(event).error
    assert event == {"metadata": {}, "firstTimestamp": "0001-01-01T00:00:01Z"}
