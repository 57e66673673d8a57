"""Volumes, claims and classes that make no sense, and what of them may not change."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    Cases,
    changed,
    context,
    created,
    refused,
    stored,
    strategy,
    update_refused,
    warned,
)

from kapiserver.resources.definition import Object

CLAIM: Object = {
    "metadata": {"name": "data"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    },
}
VOLUME: Object = {
    "metadata": {"name": "disk"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "csi": {"driver": "csi.example.com", "volumeHandle": "h"},
    },
}
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
MODES = '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'

CLAIMS: Cases = [
    (
        "spec",
        {},
        [
            ("spec.accessModes", "Required value: at least 1 access mode is required"),
            ("spec.resources[storage]", "Required value"),
        ],
    ),
    (
        "spec.accessModes",
        ["ReadWriteOncePod", "ReadOnlyMany", "Any"],
        [
            ("spec.accessModes", f'Unsupported value: "Any": supported values: {MODES}'),
            (
                "spec.accessModes",
                "Forbidden: may not use ReadWriteOncePod with other access modes",
            ),
        ],
    ),
    (
        "spec.resources.requests.storage",
        "0",
        [("spec.resources[storage]", 'Invalid value: "0": must be greater than zero')],
    ),
    (
        "spec.storageClassName",
        "Fast",
        [("spec.storageClassName", f'Invalid value: "Fast": {SUBDOMAIN}')],
    ),
    (
        "spec.volumeMode",
        "Raw",
        [
            (
                "spec.volumeMode",
                'Unsupported value: "Raw": supported values: "Block", "Filesystem"',
            )
        ],
    ),
    (
        "spec.dataSourceRef",
        {"kind": "Thing"},
        [
            ("spec.dataSource.name", "Required value"),
            (
                "spec.dataSource",
                "Invalid value: \"Thing\": must be 'PersistentVolumeClaim' when referencing the "
                "default apiGroup",
            ),
            ("spec.dataSourceRef.name", "Required value"),
            (
                "spec.dataSourceRef",
                "Invalid value: \"Thing\": must be 'PersistentVolumeClaim' when referencing the "
                "default apiGroup",
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), CLAIMS)
def test_a_claim(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("persistentvolumeclaims", changed(CLAIM, path, value)) == causes


def test_the_two_fields_for_a_source_say_the_same() -> None:
    source = {"kind": "PersistentVolumeClaim", "name": "other"}
    made = stored("persistentvolumeclaims", changed(CLAIM, "spec.dataSource", source))
    assert made["spec"]["dataSourceRef"] == source
    made = stored("persistentvolumeclaims", changed(CLAIM, "spec.dataSourceRef", source))
    assert made["spec"]["dataSource"] == source
    odd = {"kind": "Thing", "name": "t", "apiGroup": "example.com"}
    made = stored("persistentvolumeclaims", changed(CLAIM, "spec.dataSource", odd))
    assert "dataSource" not in made["spec"]
    assert "dataSourceRef" not in made["spec"]
    elsewhere = {**source, "namespace": "other"}
    made = stored("persistentvolumeclaims", changed(CLAIM, "spec.dataSourceRef", elsewhere))
    assert "dataSourceRef" not in made["spec"]


GROWN = """\
Forbidden: spec is immutable after creation except resources.requests and \
volumeAttributesClassName for bound claims
--- expected
+++ got
@@ -1,18 +1,18 @@
 {
   "AccessModes": [
     "ReadWriteOnce"
   ],
   "Selector": null,
   "Resources": {
     "Limits": null,
     "Requests": {
-      "storage": "1Gi"
+      "storage": "2Gi"
     }
   },
   "VolumeName": "",
   "StorageClassName": "fast",
   "VolumeMode": "Filesystem",
   "DataSource": null,
   "DataSourceRef": null,
   "VolumeAttributesClassName": null
 }
"""


def bound(claim: Object) -> Object:
    made = stored("persistentvolumeclaims", claim)
    return changed(made, "status", {"phase": "Bound", "capacity": {"storage": "1Gi"}})


def test_a_bound_claim_grows_and_an_unbound_one_does_not() -> None:
    old = bound(CLAIM)
    more = changed(old, "spec.resources.requests.storage", "2Gi")
    assert update_refused("persistentvolumeclaims", old, more) == []
    # back, but not to what there is
    less = changed(more, "spec.resources.requests.storage", "1Gi")
    assert update_refused("persistentvolumeclaims", more, less) == [
        (
            "spec.resources.requests.storage",
            "Forbidden: field can not be less than status.capacity",
        )
    ]
    middle = changed(more, "spec.resources.requests.storage", "1536Mi")
    assert update_refused("persistentvolumeclaims", more, middle) == []
    fresh = stored("persistentvolumeclaims", CLAIM)
    grown = changed(fresh, "spec.resources.requests.storage", "2Gi")
    assert update_refused("persistentvolumeclaims", fresh, grown) == [("spec", GROWN)]
    for same_size in ("1024Mi", "1073741824"):
        again = changed(fresh, "spec.resources.requests.storage", same_size)
        assert update_refused("persistentvolumeclaims", fresh, again) == []


def test_what_a_claim_did_not_name_it_may_name_once() -> None:
    old = stored("persistentvolumeclaims", changed(CLAIM, "spec.storageClassName", None))
    named = changed(changed(old, "spec.storageClassName", "slow"), "spec.volumeName", "disk")
    assert update_refused("persistentvolumeclaims", old, named) == []
    other = changed(named, "spec.volumeName", "disk-2")
    assert [field for field, _ in update_refused("persistentvolumeclaims", named, other)] == [
        "spec"
    ]
    block = changed(old, "spec.volumeMode", "Block")
    assert ("volumeMode", 'Invalid value: "Block": field is immutable') in update_refused(
        "persistentvolumeclaims", old, block
    )


def test_the_class_of_attributes_changes_but_does_not_go_away() -> None:
    old = bound(changed(CLAIM, "spec.volumeAttributesClassName", "gold"))
    silver = changed(old, "spec.volumeAttributesClassName", "silver")
    assert update_refused("persistentvolumeclaims", old, silver) == []
    empty = changed(old, "spec.volumeAttributesClassName", "")
    assert (
        "spec.volumeAttributesClassName",
        "Forbidden: update from non-nil value to an empty string is forbidden",
    ) in update_refused("persistentvolumeclaims", old, empty)


def test_the_status_of_a_claim() -> None:
    old = stored("persistentvolumeclaims", CLAIM)
    new = changed(
        old,
        "status",
        {"capacity": {"storage": "-1"}, "allocatedResourceStatuses": {"cpu": "Growing"}},
    )
    states = (
        '"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", '
        '"NodeResizeInfeasible", "NodeResizePending"'
    )
    assert update_refused("persistentvolumeclaims", old, new, "status") == [
        ("status.capacity[storage]", "Invalid value: -1: must be a valid resource quantity"),
        (
            "status.allocatedResourceStatus",
            'Unsupported value: "cpu": supported values: "storage"',
        ),
        (
            "status.allocatedResourceStatus",
            f'Unsupported value: "cpu": supported values: {states}',
        ),
    ]


@pytest.mark.parametrize("resource", ["persistentvolumes", "persistentvolumeclaims"])
def test_a_status_without_a_phase_is_pending(resource: str) -> None:
    old = {"metadata": {"name": "x"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    made, told = changed(old, "status", {"reason": "moving"}), context(old, "status")
    hooks = strategy(resource)
    assert hooks.defaults is not None
    hooks.defaults(made, told)
    assert made["status"] == {"reason": "moving", "phase": "Pending"}


def test_claims_with_warnings() -> None:
    old_style = changed(
        CLAIM, "metadata.annotations", {"volume.beta.kubernetes.io/storage-class": "fast"}
    )
    half = changed(old_style, "spec.resources.requests.storage", "1500m")
    assert warned("persistentvolumeclaims", half) == [
        "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; "
        'use "storageClassName" attribute instead',
        'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an '
        "integer",
    ]


LOCAL = {"path": "/mnt/disk"}
VOLUMES: Cases = [
    (
        "spec",
        {},
        [
            ("spec.accessModes", "Required value"),
            ("spec.capacity", "Required value"),
            ("spec.capacity", 'Unsupported value: null: supported values: "storage"'),
            ("spec", "Required value: must specify a volume type"),
        ],
    ),
    (
        "spec.capacity",
        {"cpu": "1", "storage": "-1"},
        [
            (
                "spec.capacity",
                'Unsupported value: {"cpu":"1","storage":"-1"}: supported values: "storage"',
            ),
            ("spec.capacity[storage]", "Invalid value: -1: must be a valid resource quantity"),
            ("spec.capacity[storage]", 'Invalid value: "-1": must be greater than zero'),
        ],
    ),
    (
        "spec.capacity",
        {"storage": "-1e400"},
        [
            (
                "spec.capacity[storage]",
                "Invalid value: -9223372036854775808: must be a valid resource quantity",
            ),
            ("spec.capacity[storage]", 'Invalid value: "-1e400": must be greater than zero'),
        ],
    ),
    (
        "spec.persistentVolumeReclaimPolicy",
        "Keep",
        [
            (
                "spec.persistentVolumeReclaimPolicy",
                'Unsupported value: "Keep": supported values: "Delete", "Recycle", "Retain"',
            )
        ],
    ),
    (
        "spec.hostPath",
        {"path": "/"},
        [("spec.csi", "Forbidden: may not specify more than 1 volume type")],
    ),
    (
        "spec.csi",
        {"driver": "csi.example.com", "controllerPublishSecretRef": {"name": "s"}},
        [
            ("spec.csi.volumeHandle", "Required value"),
            ("spec.csi.controllerPublishSecretRef.namespace", "Required value"),
        ],
    ),
    (
        "spec.volumeAttributesClassName",
        "",
        [("spec.volumeAttributesClassName", "Required value: an empty string is disallowed")],
    ),
    (
        "spec.nodeAffinity",
        {},
        [("spec.nodeAffinity.required", "Required value: must specify required node constraints")],
    ),
    (
        "metadata.annotations",
        {"volume.beta.kubernetes.io/mount-options": "ro"},
        [
            (
                "metadata.annotations.volume.beta.kubernetes.io/mount-options",
                "Forbidden: may not specify mount options for this volume type",
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), VOLUMES)
def test_a_volume(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("persistentvolumes", changed(VOLUME, path, value)) == causes


def test_a_local_volume_says_where_it_is() -> None:
    local = changed(changed(VOLUME, "spec.csi", None), "spec.local", LOCAL)
    assert refused("persistentvolumes", local) == [
        ("spec.nodeAffinity", "Required value: Local volume requires node affinity")
    ]


def placed(key: str) -> Object:
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": ["a"]}]}
    return changed(VOLUME, "spec.nodeAffinity", {"required": {"nodeSelectorTerms": [term]}})


def test_a_volume_stays_where_it_is() -> None:
    old = stored("persistentvolumes", placed("beta.kubernetes.io/os"))
    renamed = stored("persistentvolumes", placed("kubernetes.io/os"))
    assert update_refused("persistentvolumes", old, renamed) == []
    gone = changed(old, "spec.nodeAffinity", None)
    elsewhere = stored("persistentvolumes", placed("rack"))
    why = "field is immutable, except for updating from beta label to GA"
    assert update_refused("persistentvolumes", old, gone) == [
        ("nodeAffinity", f'Invalid value: "null": {why}')
    ]
    assert update_refused("persistentvolumes", old, elsewhere) == [
        (
            "nodeAffinity",
            'Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"rack",'
            f'"Operator":"In","Values":["a"]}}],"MatchFields":null}}]}}}}: {why}',
        )
    ]
    assert warned("persistentvolumes", placed("beta.kubernetes.io/os")) == [
        "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: "
        'beta.kubernetes.io/os is deprecated since v1.14; use "kubernetes.io/os" instead'
    ]


def test_the_source_of_a_volume_stays_but_for_a_secret_that_was_missing() -> None:
    old = stored("persistentvolumes", VOLUME)
    secret = {"name": "s", "namespace": "ns"}
    assert (
        update_refused(
            "persistentvolumes", old, changed(old, "spec.csi.controllerExpandSecretRef", secret)
        )
        == []
    )
    [(field, message)] = update_refused(
        "persistentvolumes", old, changed(old, "spec.csi.volumeHandle", "other")
    )
    assert field == "spec.persistentvolumesource"
    assert message.startswith(
        "Forbidden: spec.persistentvolumesource is immutable after creation\n"
        "--- expected\n+++ got\n@@ -15,21 +15,21 @@\n"
    )
    assert '-    "VolumeHandle": "h",\n+    "VolumeHandle": "other",\n' in message


def test_a_volume_remembers_when_its_phase_changed() -> None:
    made, _ = created("persistentvolumes", VOLUME)
    assert made["status"]["phase"] == "Pending"
    assert made["status"]["lastPhaseTransitionTime"]
    old = changed(made, "status.lastPhaseTransitionTime", "2020-01-01T00:00:00Z")
    new = changed(old, "status.phase", "Bound")
    hook = strategy("persistentvolumes").prepare_for_update
    assert hook is not None
    hook(new, context(old, "status"))
    assert new["status"]["lastPhaseTransitionTime"] > "2020-01-01T00:00:00Z"


def test_amounts_are_no_finer_than_thousandths() -> None:
    made = stored("persistentvolumes", changed(VOLUME, "spec.capacity.storage", "0.0001"))
    assert made["spec"]["capacity"] == {"storage": "1m"}
    made = stored("persistentvolumeclaims", changed(CLAIM, "spec.resources.limits", {"a": "1u"}))
    assert made["spec"]["resources"]["limits"] == {"a": "1m"}


@pytest.mark.parametrize("name", ["iqn.2001-04.com.example:a\n", "iqn.\u0662001-04.com.example:a"])
def test_a_target_is_named_in_plain_digits_and_ends_there(name: str) -> None:
    spec = {key: value for key, value in VOLUME["spec"].items() if key != "csi"}
    spec["iscsi"] = {"targetPortal": "1.2.3.4", "iqn": name, "lun": 0}
    [(field, message)] = refused("persistentvolumes", {**VOLUME, "spec": spec})
    assert field == "spec.iscsi.iqn"
    assert message.endswith(": must be valid format")
