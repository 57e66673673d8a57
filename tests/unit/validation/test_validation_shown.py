"""Values that messages print as kube-apiserver holds them: its names, its order, all its fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
from validation_cases import JOB, POD, changed, refused, stored, update_refused

from kapiserver.resources.field_errors import shown
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.validation import internal_pods
from kapiserver.resources.validation.internals import Shape

_CORE = "io.k8s.api.core.v1."
_VALUES = ("Quantity", "IntOrString", "LabelSelector")
_ELSEWHERE = {
    "PodSpec": {"serviceAccount", *internal_pods.OF_HOST},
    "PersistentVolumeClaimTemplate": {"metadata"},
}


def _value(message: str) -> Any:
    start = message.index("{")
    return json.JSONDecoder().raw_decode(message[start:])[0]


def _missing(schemas: SchemaSet, name: str, shape: Shape, path: str) -> list[str]:
    """The fields that an object can have and no message would show."""
    shown = {field.name: field for field in shape.values()}
    missing = []
    for field, schema in schemas.definition(name).get("properties", {}).items():
        if field in _ELSEWHERE.get(name.removeprefix(_CORE), ()):
            continue
        here = f"{path}.{field}"
        if field not in shown:
            missing.append(here)
            continue
        inner = schema.get("items", schema)
        references = [each["$ref"] for each in (inner, *inner.get("allOf", ())) if "$ref" in each]
        target = references[0].rpartition("/")[2] if references else ""
        if not target or target.endswith(_VALUES):
            continue
        within = shown[field].shape
        missing += [here] if not within else _missing(schemas, target, within, here)
    return missing


def test_every_field_of_a_pod_is_shown() -> None:
    shape = internal_pods.POD_SPEC
    assert _missing(SchemaSet.load(), f"{_CORE}PodSpec", shape, "spec") == []


def test_the_template_of_a_job_that_runs() -> None:
    old = stored("jobs.batch", JOB)
    labels = old["spec"]["template"]["metadata"]["labels"]
    new = changed(old, "spec.template.spec.hostNetwork", True)
    ((field, message),) = update_refused("jobs.batch", old, new)
    assert field == "spec.template"
    assert message.endswith(": field is immutable")
    shown = _value(message)
    assert list(shown) == ["labels", "Spec"]
    assert shown["labels"] == labels
    assert list(shown["labels"]) == sorted(labels)
    assert list(shown["Spec"])[:4] == [
        "Volumes",
        "InitContainers",
        "Containers",
        "EphemeralContainers",
    ]
    assert shown["Spec"]["Volumes"] is None
    assert shown["Spec"]["DNSPolicy"] == "ClusterFirst"
    assert shown["Spec"]["SecurityContext"]["HostNetwork"] is True
    assert shown["Spec"]["Containers"][0]["TTY"] is False
    assert "HostNetwork" not in shown["Spec"]


def test_a_gated_pod_keeps_its_node_terms() -> None:
    gated = changed(POD, "spec.schedulingGates", [{"name": "g"}])
    terms = [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]
    nodes = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    old = stored("pods", changed(gated, "spec.affinity", {"nodeAffinity": nodes}))
    path = (
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
        ".nodeSelectorTerms"
    )
    assert update_refused("pods", old, changed(old, "spec.affinity", None)) == [
        (
            path,
            "Invalid value: null: no additions/deletions to non-empty NodeSelectorTerms list are "
            "allowed",
        )
    ]


BUNDLES = [
    (
        {"name": "b", "signerName": "a.io/s", "path": "p"},
        "",
        'Invalid value: {"Name":"b","SignerName":"a.io/s","LabelSelector":null,"Optional":null,'
        '"Path":"p","User":null}: only one of name and signerName may be used',
    ),
    (
        {"name": ":b", "path": "p"},
        ".name",
        'Invalid value: ":b": not a valid clustertrustbundlename: ClusterTrustBundle without '
        'signer name must not have ":" in its name',
    ),
    (
        {"name": "a/s:b", "path": "p"},
        ".name",
        'Invalid value: "a/s:b": not a valid clustertrustbundlename: ClusterTrustBundle for '
        "signerName a/s must be named with prefix a:s:",
    ),
]


@pytest.mark.parametrize(("bundle", "field", "message"), BUNDLES)
def test_trust_bundles_in_volumes(bundle: dict[str, str], field: str, message: str) -> None:
    volume = {"name": "v", "projected": {"sources": [{"clusterTrustBundle": bundle}]}}
    path = "spec.volumes[0].projected.sources[0].clusterTrustBundle"
    assert refused("pods", changed(POD, "spec.volumes", [volume])) == [(f"{path}{field}", message)]


@pytest.mark.parametrize("bundle", ["b", "a.io:s:b"])
def test_names_of_trust_bundles(bundle: str) -> None:
    source = {"clusterTrustBundle": {"name": bundle, "path": "p"}}
    stored(
        "pods", changed(POD, "spec.volumes", [{"name": "v", "projected": {"sources": [source]}}])
    )


@pytest.mark.parametrize("subresource", ["resize", "ephemeralcontainers"])
def test_static_pods_are_told_of_as_a_whole(subresource: str) -> None:
    static = changed(POD, "metadata.annotations", {"kubernetes.io/config.mirror": "x"})
    old = stored("pods", changed(static, "spec.nodeName", "n"))
    ((field, message),) = update_refused("pods", old, old, subresource)
    assert field == "[]"
    assert message.startswith("Forbidden: static pods ")


@pytest.mark.parametrize(
    ("path", "before", "after", "equal"),
    [
        ("tolerations", None, [], True),
        ("nodeSelector", None, {}, True),
        ("containers.0.resources", {}, {"limits": {}}, True),
        ("hostNetwork", None, False, True),
        ("hostname", None, "", True),
        ("affinity", None, {}, False),
        ("dnsConfig", None, {}, False),
        ("automountServiceAccountToken", None, False, False),
        ("runtimeClassName", None, "", False),
        ("containers.0.lifecycle", None, {}, False),
    ],
)
def test_what_is_empty_is_not_always_nothing(
    path: str, before: Any, after: Any, *, equal: bool
) -> None:
    old = stored("pods", changed(POD, f"spec.{path}", before))
    new = changed(old, f"spec.{path}", after)
    assert internal_pods.same_specs(old["spec"], new["spec"]) is equal


def test_a_selector_of_everything_is_not_one_of_nothing() -> None:
    def spread(selector: Any) -> Any:
        constraint = {"maxSkew": 1, "topologyKey": "k", "labelSelector": selector}
        return {"topologySpreadConstraints": [constraint]}

    assert not internal_pods.same_specs(spread({}), spread(None))
    assert internal_pods.same_specs(spread({}), spread({"matchLabels": {}}))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", '"é"'),
        ('a"\\', '"a\\"\\\\"'),
        ("a<b>&c", '"a<b>&c"'),
        ("\n\t\a\v", '"\\n\\t\\a\\v"'),
        ("\0\x7f", '"\\x00\\x7f"'),
        ("\u200b\U000e0001", '"\\u200b\\U000e0001"'),
        (["a<b>&c"], '["a\\u003cb\\u003e\\u0026c"]'),
        (None, "null"),
        (5, "5"),
    ],
)
def test_texts_are_quoted_as_go_quotes_them(value: Any, text: str) -> None:
    assert shown(value) == text


def test_what_is_absent_where_a_value_is_shown() -> None:
    gated = changed(POD, "spec.schedulingGates", [{"name": "g"}])
    old = stored("pods", changed(gated, "spec.nodeSelector", {"a": "b"}))
    ((field, message),) = update_refused("pods", old, changed(old, "spec.nodeSelector", None))
    assert field == "spec.nodeSelector"
    assert message.startswith("Invalid value: null: only additions")
    rules = [{"action": "Ignore", "onExitCodes": {"operator": "In"}}]
    job = changed(JOB, "spec.podFailurePolicy", {"rules": rules})
    assert refused("jobs.batch", job) == [
        (
            "spec.podFailurePolicy.rules[0].onExitCodes.values",
            "Invalid value: null: at least one value is required",
        )
    ]


def test_a_difference_of_very_many_lines_is_not_looked_for() -> None:
    many = [{"name": f"A{number}", "value": "x"} for number in range(1000)]
    old = stored("pods", changed(POD, "spec.containers.0.env", many))
    ((_, message),) = update_refused("pods", old, changed(old, "spec.hostname", "x"))
    assert message.endswith("\n(not compared line by line: more than 2000 lines)\n")
