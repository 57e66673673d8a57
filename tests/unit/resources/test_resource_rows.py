"""Rows of classes, definitions and requests: what is marked, and what a state is called."""

from __future__ import annotations

from typing import Any

import pytest
from resource_rows import REGISTRY, ago, named, row

from kapiserver.resources.definition import Object


def test_a_default_ingress_class_is_marked() -> None:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
    obj = {
        "metadata": named("nginx", annotations=annotations),
        "spec": {"controller": "example.com/c"},
    }
    assert list(row("ingressclasses.networking.k8s.io", obj).values()) == [
        "nginx (default)", "example.com/c", "<none>", "5m",
    ]  # fmt: skip


def test_custom_resource_definitions_show_all_their_versions() -> None:
    obj = {
        "metadata": named("crontabs.example.com"),
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "versions": [{"name": "v2", "served": True}, {"name": "v1", "served": False}],
        },
    }
    assert list(row("customresourcedefinitions.apiextensions.k8s.io", obj).values()) == [
        "crontabs.example.com", "example.com", "Namespaced", "v1,v2", ago(minutes=5),
    ]  # fmt: skip


def test_a_device_taint_rule() -> None:
    taint = {"key": "example.com/bad", "effect": "NoExecute", "timeAdded": ago(minutes=3)}
    shown = row(
        "devicetaintrules.resource.k8s.io", {"metadata": named("r"), "spec": {"taint": taint}}
    )
    assert list(shown.values()) == ["r", "example.com/bad", "", "NoExecute", "3m", "5m"]


DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}
DEFAULT_BETA = {"storageclass.beta.kubernetes.io/is-default-class": "true"}


def storage_class(name: str, created: str = "2026-01-01T00:00:00Z", **annotations: str) -> Object:
    return {"metadata": named(name, creationTimestamp=created, annotations=annotations)}


@pytest.mark.parametrize(
    ("classes", "default"),
    [
        ([], None),
        ([storage_class("a")], None),
        ([storage_class("a"), storage_class("b", **DEFAULT)], 1),
        ([storage_class("a", **DEFAULT_BETA), storage_class("b")], 0),
        (
            [
                storage_class("a", "2026-01-02T00:00:00Z", **DEFAULT),
                storage_class("b", "2026-01-03T00:00:00Z", **DEFAULT),
                storage_class("c", "2026-01-01T00:00:00Z", **DEFAULT),
            ],
            1,
        ),
        ([storage_class("b", **DEFAULT), storage_class("a", **DEFAULT)], 1),
    ],
)
def test_of_many_default_storage_classes_the_newest_is_it(
    classes: list[Object], default: int | None
) -> None:
    definition = REGISTRY.resource("storage.k8s.io", "storageclasses")
    assert definition is not None
    assert definition.default_of is not None
    assert definition.default_of(classes) == default


def test_one_storage_class_is_never_marked() -> None:
    obj = {"metadata": named("fast", annotations=DEFAULT), "provisioner": "p"}
    assert list(row("storageclasses.storage.k8s.io", obj).values()) == [
        "fast", "p", "Delete", "Immediate", False, "5m",
    ]  # fmt: skip


def conditions(*held: str) -> Object:
    return {"conditions": [{"type": each, "status": "True"} for each in held]}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({}, "Unknown"),
        (conditions("Running"), "Running"),
        (conditions("Running", "Succeeded"), "Succeeded"),
        ({"conditions": [{"type": "Failed", "status": "False"}]}, "Unknown"),
    ],
)
def test_migrations(status: Object, shown: str) -> None:
    spec = {"resource": {"group": "example.com", "resource": "crontabs"}}
    obj = {"metadata": named("m"), "spec": spec, "status": status}
    assert list(row("storageversionmigrations.storagemigration.k8s.io", obj).values()) == [
        "m", "crontabs.example.com", shown,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state"),
    [({}, "Pending"), (conditions("Issued"), "Issued"), (conditions("Denied"), "Denied")],
)
def test_requests_of_pods_for_certificates(status: Object, state: str) -> None:
    spec: dict[str, Any] = {
        "podName": "web",
        "serviceAccountName": "default",
        "nodeName": "n1",
        "signerName": "example.com/s",
        "unverifiedUserAnnotations": {"example.com/b": "2", "example.com/a": "1"},
    }
    obj = {"metadata": named("r"), "spec": spec, "status": status}
    assert list(row("podcertificaterequests.certificates.k8s.io", obj).values()) == [
        "r", "web", "default", "n1", "example.com/s", state, "example.com/a=1,example.com/b=2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "pending"),
        ({"allocation": {}}, "allocated"),
        ({"allocation": {}, "reservedFor": [{"name": "p"}]}, "allocated,reserved"),
    ],
)
def test_a_claim_on_no_device_is_allocated_as_well(status: Object, state: str) -> None:
    shown = row("resourceclaims.resource.k8s.io", {"metadata": named("c"), "status": status})
    assert shown["State"] == state
