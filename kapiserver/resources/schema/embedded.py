"""Structs that are embedded in others: their fields are among those of the outer object.

In: the name of a struct and the JSON name of a field. Out: the names of the embedded structs that
Go goes through to that field, which its messages about values of a wrong type show.
"""

from __future__ import annotations

from collections.abc import Mapping

_REFERENCE = "LocalObjectReference"
# The embedded struct, and the fields that are not its.
_EMBEDDED: Mapping[str, tuple[str, frozenset[str]]] = {
    outer: (inner, frozenset(own.split()))
    for outer, inner, own in (
        ("ConfigMapEnvSource", _REFERENCE, "optional"),
        ("ConfigMapKeySelector", _REFERENCE, "key optional"),
        ("ConfigMapProjection", _REFERENCE, "items optional"),
        ("ConfigMapVolumeSource", _REFERENCE, "items defaultMode optional"),
        ("SecretEnvSource", _REFERENCE, "optional"),
        ("SecretKeySelector", _REFERENCE, "key optional"),
        ("SecretProjection", _REFERENCE, "items optional"),
        ("EphemeralContainer", "EphemeralContainerCommon", "targetContainerName"),
        ("Volume", "VolumeSource", "name"),
        (
            "PersistentVolumeSpec",
            "PersistentVolumeSource",
            "capacity accessModes claimRef persistentVolumeReclaimPolicy storageClassName "
            "mountOptions volumeMode nodeAffinity volumeAttributesClassName",
        ),
        (
            "Probe",
            "ProbeHandler",
            "initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold "
            "terminationGracePeriodSeconds",
        ),
        ("IngressRule", "IngressRuleValue", "host"),
        ("RuleWithOperations", "Rule", "operations"),
        ("NamedRuleWithOperations", "RuleWithOperations", "resourceNames"),
        ("DeviceAllocationConfiguration", "DeviceConfiguration", "source requests"),
        ("DeviceClaimConfiguration", "DeviceConfiguration", "requests"),
        ("DeviceClassConfiguration", "DeviceConfiguration", ""),
    )
}


def way_to(struct: str, field: str) -> list[str]:
    """`httpGet` of a Probe is at `ProbeHandler.httpGet`."""
    names = []
    while (found := _EMBEDDED.get(struct)) is not None and field not in found[1]:
        struct = found[0]
        names.append(struct)
    return [*names, field]
