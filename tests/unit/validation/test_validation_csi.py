"""Storage classes, CSI drivers and what they report."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    Cases,
    changed,
    context,
    refused,
    stored,
    strategy,
    update_refused,
    warned,
)

from kapiserver.resources.definition import Object

CLASS: Object = {"metadata": {"name": "fast"}, "provisioner": "csi.example.com"}
ATTRIBUTES: Object = {
    "metadata": {"name": "gold"},
    "driverName": "csi.example.com",
    "parameters": {"iops": "1"},
}
DRIVERS_OF = "csidrivers.storage.k8s.io"
DRIVER: Object = {"metadata": {"name": "csi.example.com"}, "spec": {}}
NODE: Object = {
    "metadata": {"name": "n1"},
    "spec": {"drivers": [{"name": "csi.example.com", "nodeID": "n1", "topologyKeys": ["zone"]}]},
}
ATTACHMENT: Object = {
    "metadata": {"name": "a"},
    "spec": {
        "attacher": "csi.example.com",
        "nodeName": "n1",
        "source": {"persistentVolumeName": "disk"},
    },
}
CAPACITY: Object = {
    "metadata": {"name": "c"},
    "storageClassName": "fast",
    "capacity": "1Gi",
    "nodeTopology": {"matchLabels": {"zone": "a"}},
}
ZONES = {"key": "beta.kubernetes.io/arch", "values": ["a", "a"]}

CLASSES: Cases = [
    ("provisioner", None, [("provisioner", "Required value")]),
    (
        "reclaimPolicy",
        "Recycle",
        [
            (
                "reclaimPolicy",
                'Unsupported value: "Recycle": supported values: "Delete", "Retain"',
            )
        ],
    ),
    (
        "volumeBindingMode",
        "Later",
        [
            (
                "volumeBindingMode",
                'Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
            )
        ],
    ),
    (
        "allowedTopologies",
        [{"matchLabelExpressions": [ZONES, {"key": "zone"}]}],
        [
            (
                "allowedTopologies[0].matchLabelExpressions[0].values[1]",
                'Duplicate value: "a"',
            ),
            ("allowedTopologies[0].matchLabelExpressions[1].values", "Required value"),
        ],
    ),
    ("parameters", {"": "x"}, [("parameters", 'Invalid value: "": field can not be empty.')]),
]


@pytest.mark.parametrize(("path", "value", "causes"), CLASSES)
def test_a_storage_class(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("storageclasses.storage.k8s.io", changed(CLASS, path, value)) == causes


def test_a_class_stays_what_it_is() -> None:
    old = stored("storageclasses.storage.k8s.io", CLASS)
    new = {
        **old,
        "provisioner": "other.example.com",
        "parameters": {"a": "b"},
        "reclaimPolicy": "Retain",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }
    assert update_refused("storageclasses.storage.k8s.io", old, new) == [
        ("parameters", "Forbidden: updates to parameters are forbidden."),
        ("provisioner", "Forbidden: updates to provisioner are forbidden."),
        ("reclaimPolicy", "Forbidden: updates to reclaimPolicy are forbidden."),
        ("volumeBindingMode", 'Invalid value: "WaitForFirstConsumer": field is immutable'),
    ]
    gold = stored("volumeattributesclasses.storage.k8s.io", ATTRIBUTES)
    assert update_refused(
        "volumeattributesclasses.storage.k8s.io", gold, changed(gold, "parameters", None)
    ) == [
        ("parameters", "Required value: must contain at least one key/value pair"),
        ("parameters", "Forbidden: updates to parameters are forbidden."),
    ]


def test_a_class_for_labels_of_old() -> None:
    term = {"matchLabelExpressions": [{"key": "beta.kubernetes.io/os", "values": ["linux"]}]}
    assert warned("storageclasses.storage.k8s.io", changed(CLASS, "allowedTopologies", [term])) == [
        "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.14; use "
        '"kubernetes.io/os" instead'
    ]


DRIVERS: Cases = [
    (
        "fsGroupPolicy",
        "Some",
        [
            (
                "spec.fsGroupPolicy",
                'Unsupported value: "Some": supported values: "File", "None", '
                '"ReadWriteOnceWithFSType"',
            )
        ],
    ),
    (
        "tokenRequests",
        [{"audience": "a", "expirationSeconds": 1}, {"audience": "a"}],
        [
            (
                "spec.tokenRequests[0].expirationSeconds",
                "Invalid value: 1: may not specify a duration less than 10 minutes",
            ),
            ("spec.tokenRequests[1].audience", 'Duplicate value: "a"'),
        ],
    ),
    (
        "volumeLifecycleModes",
        ["Eternal"],
        [
            (
                "spec.volumeLifecycleModes",
                'Unsupported value: "Eternal": supported values: "Persistent", "Ephemeral"',
            )
        ],
    ),
    (
        "nodeAllocatableUpdatePeriodSeconds",
        9,
        [
            (
                "spec.nodeAllocatableUpdatePeriodSeconds",
                "Invalid value: 9: must be greater than or equal to 10 seconds",
            )
        ],
    ),
    (
        "serviceAccountTokenInSecrets",
        True,
        [
            (
                "spec.serviceAccountTokenInSecrets",
                "Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests "
                "are specified",
            )
        ],
    ),
]


@pytest.mark.parametrize(("field", "value", "causes"), DRIVERS)
def test_a_driver(field: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("csidrivers.storage.k8s.io", changed(DRIVER, f"spec.{field}", value)) == causes


def test_a_driver_attaches_or_does_not() -> None:
    old = stored("csidrivers.storage.k8s.io", DRIVER)
    new = changed(changed(old, "spec.attachRequired", False), "spec.podInfoOnMount", True)
    assert update_refused("csidrivers.storage.k8s.io", old, new) == [
        ("spec.attachRequired", "Invalid value: false: field is immutable")
    ]


def test_a_driver_that_asks_for_tokens_is_told_of_the_better_way() -> None:
    asks = changed(DRIVER, "spec.tokenRequests", [{"audience": "a"}])
    told = warned(DRIVERS_OF, asks)
    assert told == [
        "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true "
        "to prevent possible logging of tokens in volume attributes"
    ]
    assert warned(DRIVERS_OF, DRIVER) == []
    assert warned(DRIVERS_OF, changed(asks, "spec.serviceAccountTokenInSecrets", False)) == []
    warnings = strategy(DRIVERS_OF).warnings
    assert warnings is not None
    assert warnings(asks, context(DRIVER)) == told
    assert warnings(changed(asks, "spec.podInfoOnMount", True), context(asks)) == []


def test_a_new_driver_has_no_generation() -> None:
    assert (
        "generation"
        not in stored(DRIVERS_OF, changed(DRIVER, "metadata.generation", 1))["metadata"]
    )


def test_the_status_of_drivers_on_a_node_belongs_to_a_feature_that_is_off() -> None:
    told = changed(NODE, "status.storageHealth", [{"name": "csi.example.com"}])
    assert "status" not in stored("csinodes.storage.k8s.io", told)


def test_drivers_on_a_node() -> None:
    bad = [{"name": "a", "nodeID": ""}, {"name": "a", "nodeID": "n", "topologyKeys": ["z", "z"]}]
    assert refused("csinodes.storage.k8s.io", changed(NODE, "spec.drivers", bad)) == [
        ("spec.drivers[0].nodeID", "Required value"),
        ("spec.drivers[1].name", 'Duplicate value: "a"'),
        ("spec.drivers[1]", 'Duplicate value: "z"'),
    ]
    (problem,) = refused("csinodes.storage.k8s.io", changed(NODE, "spec.drivers.0.name", "Fast_1"))
    assert problem[1].startswith('Invalid value: "Fast_1": a lowercase RFC 1123 subdomain')
    roomy = changed(NODE, "spec.drivers.0.allocatable", {"count": 3})
    assert update_refused("csinodes.storage.k8s.io", NODE, roomy) == []
    renamed = changed(NODE, "spec.drivers.0.nodeID", "n2")
    assert update_refused("csinodes.storage.k8s.io", NODE, renamed) == [
        (
            "spec.drivers",
            'Invalid value: {"Name":"csi.example.com","NodeID":"n2","TopologyKeys":["zone"],'
            '"Allocatable":null}: field is immutable',
        )
    ]


def test_capacities() -> None:
    resource = "csistoragecapacities.storage.k8s.io"
    assert refused(resource, changed(CAPACITY, "capacity", "-1")) == [
        ("capacity", 'Invalid value: "-1": must be greater than or equal to 0')
    ]
    new = changed(changed(CAPACITY, "nodeTopology", None), "storageClassName", "slow")
    assert update_refused(resource, CAPACITY, new) == [
        ("nodeTopology", 'Invalid value: "null": field is immutable'),
        ("storageClassName", 'Invalid value: "slow": field is immutable'),
    ]


def test_attachments() -> None:
    resource = "volumeattachments.storage.k8s.io"
    one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    assert refused(resource, changed(ATTACHMENT, "spec.source", {})) == [
        ("spec.source", f"Required value: {one}")
    ]
    inline = changed(ATTACHMENT, "spec.source", {"inlineVolumeSpec": {"capacity": {"x": "1"}}})
    assert refused(resource, inline)[:3] == [
        (
            "spec.source.inlineVolumeSpec.capacity",
            "Forbidden: may not be specified in the context of inline volumes",
        ),
        (
            "spec.source.inlineVolumeSpec.csi",
            "Required value: has to be specified in the context of inline volumes",
        ),
        ("spec.source.inlineVolumeSpec.accessModes", "Required value"),
    ]
    moved = changed(ATTACHMENT, "spec.nodeName", "n2")
    assert update_refused(resource, ATTACHMENT, moved) == [
        (
            "spec",
            'Invalid value: {"Attacher":"csi.example.com","Source":{"PersistentVolumeName":"disk",'
            '"InlineVolumeSpec":null},"NodeName":"n2"}: field is immutable',
        )
    ]
    failed = changed(ATTACHMENT, "status", {"attached": False, "attachError": {"errorCode": -1}})
    assert update_refused(resource, ATTACHMENT, failed, "status") == [
        (
            "status.attachError.errorCode",
            "Invalid value: -1: must be between 0 and 2147483647, inclusive",
        )
    ]
