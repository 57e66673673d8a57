"""The tables name what kube-apiserver names: schemas, verbs, short names, subresources."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from kapiserver.resources.definition import ALL_VERBS, ResourceDefinition, Version
from kapiserver.resources.registry import builtin_registry

REGISTRY = builtin_registry()

# group/version/Kind of the published definitions that are deliberately no resource of their own.
NOT_RESOURCES = {
    "autoscaling/v1/Scale": "the scale subresource of workloads",
    "policy/v1/Eviction": "the eviction subresource of pods",
    "authentication.k8s.io/v1/TokenRequest": "the token subresource of serviceaccounts",
    "v1/APIGroup": "discovery",
    "v1/APIGroupList": "discovery",
    "v1/APIResourceList": "discovery",
    "v1/APIVersions": "discovery",
    "v1/Status": "an answer",
}

# Versions that kube-apiserver 1.37 knows and does not serve unless it is told to.
OFF_BY_DEFAULT = {
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "certificates.k8s.io/v1beta1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "lifecycle.k8s.io/v1alpha1",
    "resource.k8s.io/v1alpha3",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1beta2",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "storagemigration.k8s.io/v1beta1",
}


@cache
def published() -> dict[str, Any]:
    path = files("kubernetes_validate") / "kubernetes-json-schema/v1.37.0-local/_definitions.json"
    document: dict[str, Any] = json.loads(path.read_text())
    found: dict[str, Any] = document["$defs"]
    return found


def served() -> Iterator[tuple[ResourceDefinition, Version]]:
    for definition in REGISTRY.definitions():
        for version in definition.versions:
            yield definition, version


def label(definition: ResourceDefinition, version: Version) -> str:
    group = f"{definition.group}/" if definition.group else ""
    return f"{group}{version.name}/{definition.kind}"


@pytest.mark.parametrize("item", tuple(served()), ids=lambda item: label(*item))
def test_every_schema_name_is_a_published_definition_of_that_kind(
    item: tuple[ResourceDefinition, Version],
) -> None:
    definition, version = item
    kinds = published()[version.schema]["x-kubernetes-group-version-kind"]
    expected = {"group": definition.group, "version": version.name, "kind": definition.kind}
    assert expected in kinds
    if "list" in definition.verbs:
        (listed,) = published()[version.list_schema]["x-kubernetes-group-version-kind"]
        assert listed["kind"] == definition.list_kind


def test_every_published_kind_is_declared_or_left_out_for_a_stated_reason() -> None:
    declared = {label(definition, version) for definition, version in served()}
    missing = []
    for name, schema in published().items():
        kinds = schema.get("x-kubernetes-group-version-kind", ())
        if len(kinds) != 1 or "metadata" not in schema.get("properties", {}):
            # Options and events of many groups, and types without object metadata.
            continue
        gvk = kinds[0]
        group_version = f"{gvk['group']}/{gvk['version']}" if gvk["group"] else gvk["version"]
        full = f"{group_version}/{gvk['kind']}"
        is_list = "items" in schema["properties"]
        if is_list or full in declared or full in NOT_RESOURCES:
            continue
        if group_version not in OFF_BY_DEFAULT:
            missing.append(name)
    assert missing == []


def test_storage_versions_exist() -> None:
    for definition in REGISTRY.definitions():
        assert definition.version(definition.storage_version) is not None


# resource -> short names, categories
NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "componentstatuses": (("cs",), ()),
    "configmaps": (("cm",), ()),
    "endpoints": (("ep",), ()),
    "events": (("ev",), ()),
    "events.events.k8s.io": (("ev",), ()),
    "limitranges": (("limits",), ()),
    "namespaces": (("ns",), ()),
    "nodes": (("no",), ()),
    "persistentvolumeclaims": (("pvc",), ()),
    "persistentvolumes": (("pv",), ()),
    "pods": (("po",), ("all",)),
    "podtemplates": ((), ()),
    "replicationcontrollers": (("rc",), ("all",)),
    "resourcequotas": (("quota",), ()),
    "secrets": ((), ()),
    "serviceaccounts": (("sa",), ()),
    "services": (("svc",), ("all",)),
    "daemonsets.apps": (("ds",), ("all",)),
    "deployments.apps": (("deploy",), ("all",)),
    "replicasets.apps": (("rs",), ("all",)),
    "statefulsets.apps": (("sts",), ("all",)),
    "horizontalpodautoscalers.autoscaling": (("hpa",), ("all", "podautoscalers")),
    "cronjobs.batch": (("cj",), ("all",)),
    "jobs.batch": ((), ("all",)),
    "certificatesigningrequests.certificates.k8s.io": (("csr",), ()),
    "ingresses.networking.k8s.io": (("ing",), ()),
    "networkpolicies.networking.k8s.io": (("netpol",), ()),
    "ipaddresses.networking.k8s.io": (("ip",), ()),
    "poddisruptionbudgets.policy": (("pdb",), ()),
    "storageclasses.storage.k8s.io": (("sc",), ()),
    "volumeattributesclasses.storage.k8s.io": (("vac",), ()),
    "priorityclasses.scheduling.k8s.io": (("pc",), ()),
    "customresourcedefinitions.apiextensions.k8s.io": (("crd", "crds"), ("api-extensions",)),
    "apiservices.apiregistration.k8s.io": ((), ("api-extensions",)),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": ((), ("api-extensions",)),
}


@pytest.mark.parametrize("resource", NAMES)
def test_short_names_and_categories(resource: str) -> None:
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    assert (definition.short_names, definition.categories) == NAMES[resource]


# resource/subresource -> kind ("" is the parent's), group version, verbs
EDIT = ("get", "patch", "update")
PROXY = ("create", "delete", "get", "patch", "update")
SUBRESOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "namespaces/finalize": ("", "", ("update",)),
    "namespaces/status": ("", "", EDIT),
    "nodes/proxy": ("NodeProxyOptions", "", PROXY),
    "pods/attach": ("PodAttachOptions", "", ("create", "get")),
    "pods/binding": ("Binding", "", ("create",)),
    "pods/ephemeralcontainers": ("", "", EDIT),
    "pods/eviction": ("Eviction", "policy/v1", ("create",)),
    "pods/exec": ("PodExecOptions", "", ("create", "get")),
    "pods/log": ("", "", ("get",)),
    "pods/portforward": ("PodPortForwardOptions", "", ("create", "get")),
    "pods/proxy": ("PodProxyOptions", "", PROXY),
    "pods/resize": ("", "", EDIT),
    "pods/status": ("", "", EDIT),
    "replicationcontrollers/scale": ("Scale", "autoscaling/v1", EDIT),
    "serviceaccounts/token": ("TokenRequest", "authentication.k8s.io/v1", ("create",)),
    "services/proxy": ("ServiceProxyOptions", "", PROXY),
    "deployments.apps/scale": ("Scale", "autoscaling/v1", EDIT),
    "certificatesigningrequests.certificates.k8s.io/approval": ("", "", EDIT),
}


@pytest.mark.parametrize("path", SUBRESOURCES)
def test_subresources_have_their_kinds_and_verbs(path: str) -> None:
    resource, _, name = path.partition("/")
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    subresource = definition.subresource(name)
    assert subresource is not None
    group_version = f"{subresource.group}/{subresource.version}" if subresource.version else ""
    assert (subresource.kind, group_version, subresource.verbs) == SUBRESOURCES[path]


@pytest.mark.parametrize(
    ("resource", "verbs"),
    [
        ("pods", ALL_VERBS),
        ("namespaces", tuple(verb for verb in ALL_VERBS if verb != "deletecollection")),
        ("componentstatuses", ("get", "list")),
        ("bindings", ("create",)),
        ("tokenreviews.authentication.k8s.io", ("create",)),
        ("subjectaccessreviews.authorization.k8s.io", ("create",)),
        ("customresourcedefinitions.apiextensions.k8s.io", ALL_VERBS),
    ],
)
def test_verbs(resource: str, verbs: tuple[str, ...]) -> None:
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    assert definition.verbs == verbs


def test_deprecated_kinds_warn() -> None:
    warned = {definition.resource for definition, version in served() if version.deprecated}
    assert warned == {"componentstatuses", "endpoints"}


def test_both_kinds_of_events_live_in_one_place() -> None:
    events = REGISTRY.resource("events.k8s.io", "events")
    core = REGISTRY.resource("", "events")
    assert events is not None
    assert core is not None
    assert (events.storage_group, events.storage_plural) == ("", "events")
    assert events.storage_api_version == core.storage_api_version == "v1"


# What a generated client knows that the served API of 1.37 does not have, and why.
CLIENT_DIFFERS = {
    "/v1/componentstatuses": "the client lists a watch path that only openapi has",
    "storage.k8s.io/v1/csinodes/status": "behind an alpha feature that is off by default",
}
HTTP_VERBS = {"post": "create", "put": "update"}
RESOURCE_DEF = r"{}=res\.ResourceDef\('(.*?)', '(.*?)', '(.*?)'\)"


def client_facts() -> dict[str, tuple[str, bool, set[str]]]:
    """group/version/plural[/subresource] -> kind, namespaced, verbs, from a client's source."""
    spec = importlib.util.find_spec("lightkube.resources")
    if spec is None or not spec.submodule_search_locations:
        return {}
    facts = {}
    pattern = re.compile(r"class \w+\(res\.(\w+).*?res\.ApiInfo\((.*?)\n    \)", re.DOTALL)
    for source in Path(next(iter(spec.submodule_search_locations))).glob("*.py"):
        for base, info in pattern.findall(source.read_text()):
            own = re.search(RESOURCE_DEF.format("resource"), info)
            parent = re.search(RESOURCE_DEF.format("parent"), info)
            plural = re.search(r"plural='(.*?)'", info)
            verbs = re.search(r"verbs=\[(.*?)\]", info)
            assert own is not None
            assert plural is not None
            assert verbs is not None
            action = re.search(r"action='(.*?)'", info)
            group, version, _ = (parent or own).groups()
            key = f"{group}/{version}/{plural[1]}" + (f"/{action[1]}" if action else "")
            found = {HTTP_VERBS.get(v, v) for v in re.findall(r"'(\w+)'", verbs[1])}
            facts[key] = (
                own[3],
                "Namespaced" in base,
                {verb for verb in found if not verb.startswith("global_")},
            )
    return facts


def test_a_generated_client_agrees_on_kinds_scopes_and_verbs() -> None:
    if importlib.util.find_spec("lightkube") is None:
        pytest.skip("lightkube-models is not installed")
    facts = client_facts()
    assert facts
    differing = []
    for key, (kind, namespaced, verbs) in facts.items():
        group, version, plural, *rest = key.split("/")
        if f"{group}/{version}" in OFF_BY_DEFAULT or key in CLIENT_DIFFERS:
            continue
        found = REGISTRY.lookup(group, version, plural)
        if found is None:
            differing.append(key)
            continue
        definition = found[0]
        if rest:
            subresource = definition.subresource(rest[0])
            ours = (
                None
                if subresource is None
                else (
                    subresource.kind or definition.kind,
                    definition.namespaced,
                    set(subresource.verbs),
                )
            )
        else:
            ours = (definition.kind, definition.namespaced, set(definition.verbs))
        if ours != (kind, namespaced, verbs):
            differing.append(f"{key}: {ours} != {(kind, namespaced, verbs)}")
    assert differing == []


ONLY = '"status.x" is not a known field selector: only "metadata.name", "metadata.namespace"'
OTHER = "field label not supported: status.x"
META = frozenset({"metadata.name", "metadata.namespace"})
REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
# resource -> field labels, and what is said of others; all others have those of metadata
FIELD_LABELS: dict[str, tuple[frozenset[str], str]] = {
    "nodes": (frozenset({"metadata.name", "spec.unschedulable"}), OTHER),
    "namespaces": (frozenset({"metadata.name", "status.phase"}), OTHER),
    "pods": (
        META
        | {"spec.host", "spec.hostNetwork", "spec.nodeName", "spec.restartPolicy"}
        | {"spec.schedulerName", "spec.serviceAccountName", "status.nominatedNodeName"}
        | {"status.phase", "status.podIP", "status.podIPs"},
        OTHER,
    ),
    "replicationcontrollers": (META | {"status.replicas"}, OTHER),
    "secrets": (META | {"type"}, OTHER),
    "services": (META | {"spec.clusterIP", "spec.type"}, OTHER),
    "events": (
        META
        | {"reason", "reportingComponent", "source", "type"}
        | {f"involvedObject.{field}" for field in REFERENCE},
        OTHER,
    ),
    "events.events.k8s.io": (
        META
        | {"reason", "reportingController", "type"}
        | {f"regarding.{field}" for field in REFERENCE},
        OTHER,
    ),
    "jobs.batch": (
        META | {"status.successful"},
        'field label "status.x" not supported for batchv1.Job',
    ),
    "certificatesigningrequests.certificates.k8s.io": (
        frozenset({"metadata.name", "spec.signerName"}),
        OTHER,
    ),
    "clustertrustbundles.certificates.k8s.io": (
        frozenset({"metadata.name", "spec.signerName"}),
        OTHER,
    ),
    "podcertificaterequests.certificates.k8s.io": (
        frozenset({"metadata.name", "spec.signerName", "spec.podName", "spec.nodeName"}),
        OTHER,
    ),
    "resourceslices.resource.k8s.io": (
        frozenset({"metadata.name", "spec.driver", "spec.nodeName"}),
        "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: status.x",
    ),
}


@pytest.mark.parametrize("definition", REGISTRY.definitions(), ids=lambda each: each.resource)
def test_field_labels(definition: ResourceDefinition) -> None:
    labels, refusal = FIELD_LABELS.get(definition.resource, (META, ONLY))
    assert definition.field_labels == labels
    said = definition.field_refusal.format(label="status.x", quoted='"status.x"')
    assert said == refusal
