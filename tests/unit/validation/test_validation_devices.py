"""Claims on devices and slices of them that make no sense, and what of them may not change."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import Cases, changed, created, refused, stored, update_refused, warned

from kapiserver.resources.definition import Object

GROUP = "resource.k8s.io"
CLAIMS, TEMPLATES = f"resourceclaims.{GROUP}", f"resourceclaimtemplates.{GROUP}"
CLASSES, SLICES = f"deviceclasses.{GROUP}", f"resourceslices.{GROUP}"
RULES = f"devicetaintrules.{GROUP}"

CLAIM: Object = {
    "metadata": {"name": "gpu"},
    "spec": {
        "devices": {
            "requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]
        }
    },
}
SLICE: Object = {
    "metadata": {"name": "node-1"},
    "spec": {
        "driver": "gpu.example.com",
        "nodeName": "node-1",
        "pool": {"name": "node-1", "generation": 1, "resourceSliceCount": 1},
        "devices": [
            {
                "name": "gpu-0",
                "attributes": {"model": {"string": "x"}},
                "capacity": {"memory": {"value": "80Gi"}},
            }
        ],
    },
}
RULE: Object = {
    "metadata": {"name": "broken"},
    "spec": {
        "deviceSelector": {"driver": "gpu.example.com"},
        "taint": {"key": "example.com/broken", "effect": "NoExecute"},
    },
}
REQUEST = "spec.devices.requests.0"
AT = "spec.devices.requests[0]"
DEVICE, AT_DEVICE = "spec.devices.0", "spec.devices[0]"
ONE = "exactly one of `exactly` or `firstAvailable` is required"
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
REFERENCE = (
    "must be the name of a request in the claim or the name of a request and a subrequest "
    "separated by '/'"
)

CLAIM_CASES: Cases = [
    (f"{REQUEST}.exactly", None, [(AT, f"Required value: {ONE}")]),
    (
        f"{REQUEST}.firstAvailable",
        [{"name": "a", "deviceClassName": "b"}],
        [(AT, f'Invalid value: "null": {ONE}, but multiple fields are set')],
    ),
    (f"{REQUEST}.name", "G", [(f"{AT}.name", f'Invalid value: "G": {LABEL}')]),
    (
        f"{REQUEST}.exactly",
        {"count": -1, "selectors": [{}], "tolerations": [{"effect": "Never"}]},
        [
            (f"{AT}.exactly.deviceClassName", "Required value"),
            (f"{AT}.exactly.selectors[0].cel", "Required value"),
            (f"{AT}.exactly.count", "Invalid value: -1: must be greater than zero"),
            (
                f"{AT}.exactly.tolerations[0].effect",
                'Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
            ),
        ],
    ),
    (
        f"{REQUEST}.exactly.allocationMode",
        "Some",
        [
            (
                f"{AT}.exactly.allocationMode",
                'Unsupported value: "Some": supported values: "All", "ExactCount"',
            )
        ],
    ),
    (
        "spec.devices.constraints",
        [{"requests": ["gpu", "nic"], "matchAttribute": "numa"}, {}],
        [
            (
                "spec.devices.constraints[0].requests[1]",
                f'Invalid value: "nic": {REFERENCE}',
            ),
            (
                "spec.devices.constraints[0].matchAttribute",
                'Invalid value: "numa": a fully qualified name must be a domain and a name '
                "separated by a slash",
            ),
            (
                "spec.devices.constraints[1]",
                'Required value: exactly one of "matchAttribute" or "distinctAttribute" is '
                "required, but multiple fields are set",
            ),
        ],
    ),
    (
        "spec.devices.config",
        [{}, {"opaque": {"driver": "d.example.com", "parameters": [1]}}],
        [
            ("spec.devices.config[0].opaque", "Required value"),
            (
                "spec.devices.config[1].opaque.parameters",
                'Invalid value: "<value omitted>": must be a valid JSON object',
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "findings"), CLAIM_CASES)
def test_claims_that_make_no_sense(path: str, value: Any, findings: list[tuple[str, str]]) -> None:
    assert refused(CLAIMS, changed(CLAIM, path, value)) == findings


def test_claims_in_templates_are_checked_where_they_are() -> None:
    template = {"metadata": {"name": "t"}, "spec": {"spec": CLAIM["spec"]}}
    odd = changed(template, "spec.spec.devices.requests.0.exactly.deviceClassName", None)
    where = "spec.spec.devices.requests[0].exactly.deviceClassName"
    assert refused(TEMPLATES, odd) == [(where, "Required value")]
    old = stored(TEMPLATES, template)
    new = changed(old, "spec.spec.devices.requests.0.exactly.count", 2)
    assert [field for field, _ in update_refused(TEMPLATES, old, new)] == ["spec"]


def test_a_request_is_for_one_device_unless_it_says_more() -> None:
    exactly = stored(CLAIMS, CLAIM)["spec"]["devices"]["requests"][0]["exactly"]
    assert (exactly["allocationMode"], exactly["count"]) == ("ExactCount", 1)


def test_fields_of_features_that_are_off_are_dropped() -> None:
    attributes = [{"name": "a/b", "expression": "1"}]
    made = stored(CLAIMS, changed(CLAIM, f"{REQUEST}.exactly.derivedAttributes", attributes))
    assert "derivedAttributes" not in made["spec"]["devices"]["requests"][0]["exactly"]
    made = stored(SLICES, changed(SLICE, "spec.skipNodeOperations", ["*"]))
    assert "skipNodeOperations" not in made["spec"]


def allocated(claim: Object) -> Object:
    result = {"request": "gpu", "driver": "gpu.example.com", "pool": "p", "device": "gpu-0"}
    return changed(claim, "status.allocation", {"devices": {"results": [result]}})


def test_the_status_of_a_claim() -> None:
    old = stored(CLAIMS, CLAIM)
    reserved = [{"resource": "pods", "name": "p", "uid": "u"}]
    early = changed(old, "status.reservedFor", reserved)
    assert update_refused(CLAIMS, old, early, "status") == [
        (
            "status.reservedFor",
            "Forbidden: may not be specified when `allocated` is not set",
        )
    ]
    given = allocated(old)
    assert (
        update_refused(CLAIMS, old, changed(given, "status.reservedFor", reserved), "status") == []
    )
    other = changed(given, "status.allocation.devices.results.0.device", "gpu-1")
    assert update_refused(CLAIMS, given, other, "status") == [
        ("status.allocation", 'Invalid value: "null": field cannot be modified once set')
    ]
    strange = changed(
        given, "status.devices", [{"driver": "d.example.com", "pool": "p", "device": "x"}]
    )
    assert update_refused(CLAIMS, given, strange, "status") == [
        (
            "status.devices[0]",
            'Invalid value: {"Driver":{},"Pool":{},"Device":{},"ShareID":{}}: must be an '
            "allocated device in the claim",
        )
    ]


_ID = ("driver", "pool", "device")
_NOT_CIDR = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("10.9.8.7/24", ""),
        ("2001:db8::1/64", ""),
        ("10.9.8.7", _NOT_CIDR),
        ("300.9.8.0/24", _NOT_CIDR),
        ("10.0.0.1/255.255.255.0", _NOT_CIDR),
        ("010.009.008.000/24", 'must be in canonical form ("10.9.8.0/24")'),
        ("2001:0db8::1/64", 'must be in canonical form ("2001:db8::1/64")'),
    ],
)
def test_addresses_of_devices(address: str, problem: str) -> None:
    old = allocated(stored(CLAIMS, CLAIM))
    device = {
        **{field: old["status"]["allocation"]["devices"]["results"][0][field] for field in _ID},
        "networkData": {"ips": [address]},
    }
    new = changed(old, "status.devices", [device])
    path = "status.devices[0].networkData.ips[0]"
    expected = [(path, f'Invalid value: "{address}": {problem}')] if problem else []
    assert update_refused(CLAIMS, old, new, "status") == expected


SLICE_CASES: Cases = [
    (
        "spec.nodeName",
        None,
        [
            (
                "spec",
                "Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
                "`perDeviceNodeSelection` is required",
            )
        ],
    ),
    (
        "spec.allNodes",
        True,
        [
            (
                "spec",
                'Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, '
                "`nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple "
                "fields are set",
            )
        ],
    ),
    (
        "spec.pool",
        {"name": "a//b", "generation": -1},
        [
            (
                "spec.pool.name",
                'Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case '
                "alphanumeric characters, '-' or '.', and must start and end with an "
                "alphanumeric character (e.g. 'example.com', regex used for validation is "
                "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ),
            ("spec.pool.resourceSliceCount", "Invalid value: 0: must be greater than zero"),
            (
                "spec.pool.generation",
                "Invalid value: -1: must be greater than or equal to zero",
            ),
        ],
    ),
    (
        f"{DEVICE}.attributes",
        {"model": {}, "version": {"version": "1.0"}, "a/b/c": {"int": 1}},
        [
            (
                f"{AT_DEVICE}.attributes[model]",
                'Invalid value: "": must specify one of: `int`, `bool`, `string`, `version`, '
                "`ints`, `bools`, `strings`, `versions`",
            ),
            (
                f"{AT_DEVICE}.attributes[version].version",
                'Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0',
            ),
            (
                f"{AT_DEVICE}.attributes",
                'Invalid value: "a/b/c": must not contain more than one slash',
            ),
        ],
    ),
    (
        f"{DEVICE}.capacity.memory.requestPolicy",
        {"default": "1Gi"},
        [
            (
                f"{AT_DEVICE}.capacity[memory].requestPolicy",
                "Forbidden: allowMultipleAllocations must be true",
            )
        ],
    ),
    (
        f"{DEVICE}.allNodes",
        True,
        [
            (
                AT_DEVICE,
                'Invalid value: "null": `nodeName`, `nodeSelector` and `allNodes` can only be set '
                "if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
            )
        ],
    ),
    (
        f"{DEVICE}.bindingConditions",
        ["ready"],
        [
            (
                f"{AT_DEVICE}.bindingFailureConditions",
                "Invalid value: null: bindingFailureConditions are required to use "
                "bindingConditions",
            )
        ],
    ),
    (
        f"{DEVICE}.consumesCounters",
        [{"counterSet": "a"}],
        [(f"{AT_DEVICE}.consumesCounters[0].counters", "Required value")],
    ),
    (
        "spec.sharedCounters",
        [],
        [("spec", 'Invalid value: "": only one of `sharedCounters` or `devices` is allowed')],
    ),
]


@pytest.mark.parametrize(("path", "value", "findings"), SLICE_CASES)
def test_slices_that_make_no_sense(path: str, value: Any, findings: list[tuple[str, str]]) -> None:
    assert refused(SLICES, changed(SLICE, path, value)) == findings


POLICIES: list[tuple[Object, list[tuple[str, str]]]] = [
    ({"default": "2Gi", "validValues": ["1Gi", "2Gi"]}, []),
    (
        {"default": "3Gi", "validValues": ["2Gi", "1Gi"]},
        [
            ("validValues[1]", 'Invalid value: "1Gi": values must be sorted in ascending order'),
            (
                "validValues",
                'Invalid value: "3Gi": default value is not valid according to the requestPolicy',
            ),
        ],
    ),
    (
        {"validRange": {"min": "1Gi"}},
        [("default", "Required value: required when validRange is defined")],
    ),
    (
        {"default": "1Gi", "validRange": {"min": "2Gi", "max": "90Gi", "step": "3Gi"}},
        [
            ("validRange.max", 'Invalid value: "90Gi": max is larger than capacity value: 80Gi'),
            ("validRange.default", 'Invalid value: "1Gi": default is less than min: 2Gi'),
            (
                "validRange.step",
                'Invalid value: "1Gi": value is not a multiple of a given step (3Gi) from (2Gi)',
            ),
            (
                "validRange.step",
                'Invalid value: "90Gi": value is not a multiple of a given step (3Gi) from (2Gi)',
            ),
        ],
    ),
]


@pytest.mark.parametrize(("policy", "findings"), POLICIES)
def test_how_much_of_a_device_can_be_asked_for(
    policy: Object, findings: list[tuple[str, str]]
) -> None:
    shared = changed(SLICE, f"{DEVICE}.allowMultipleAllocations", True)
    path = f"{AT_DEVICE}.capacity[memory].requestPolicy"
    found = refused(SLICES, changed(shared, f"{DEVICE}.capacity.memory.requestPolicy", policy))
    assert sorted(found) == sorted((f"{path}.{field}", text) for field, text in findings)


def test_a_slice_stays_with_its_driver_pool_and_node() -> None:
    old = stored(SLICES, SLICE)
    new = changed(changed(old, "spec.driver", "other.example.com"), "spec.nodeName", None)
    assert update_refused(SLICES, old, changed(new, "spec.allNodes", True)) == [
        ("spec.driver", 'Invalid value: "other.example.com": field is immutable'),
        ("spec.nodeName", 'Invalid value: "null": field is immutable'),
    ]


def test_a_driver_in_upper_case_is_warned_of() -> None:
    assert warned(SLICES, changed(SLICE, "spec.driver", "GPU.example.com")) == [
        'spec.driver: driver names should be lowercase; "GPU.example.com" contains uppercase '
        "characters"
    ]


def test_taints_have_a_time_of_their_own() -> None:
    rule = stored(RULES, changed(RULE, "spec.taint.timeAdded", "2020-01-01T00:00:00Z"))
    assert created(RULES, RULE)[0]["spec"]["taint"]["timeAdded"]
    assert refused(RULES, changed(RULE, "spec.taint", {"key": "a b", "effect": "Off"}))[1] == (
        "spec.taint.effect",
        'Unsupported value: "Off": supported values: "NoExecute", "NoSchedule", "None"',
    )
    assert update_refused(RULES, rule, changed(rule, "spec.taint.effect", "NoSchedule")) == []


def test_device_classes() -> None:
    spec = {"extendedResourceName": "gpu", "config": [{}], "selectors": [{}]}
    assert refused(CLASSES, {"metadata": {"name": "c"}, "spec": spec}) == [
        ("spec.selectors[0].cel", "Required value"),
        ("spec.config[0].opaque", "Required value"),
        (
            "spec.extendedResourceName",
            'Invalid value: "gpu": a name must be a domain-prefixed path, such as '
            "'example.com/my-prop'",
        ),
    ]
