"""What an absent field counts as, when objects are compared.

kube-apiserver compares Go structs: a struct held by value, and a field that is always written, are
there even in an empty object, so nobody is recorded as having added them. The schema does not say
which fields are like that; what it says (required) and this table together do.
"""

from __future__ import annotations

from typing import Any, Final

from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import Form, Node


class _Missing:
    __slots__ = ()


MISSING: Final = _Missing()

_SCALARS = {
    Form.STRING: "",
    Form.BOOL: False,
    Form.INT32: 0,
    Form.INT64: 0,
    Form.FLOAT: 0,
    Form.QUANTITY: "0",
    Form.INT_OR_STRING: 0,
}

# Structs by value wherever they are, and what breaks that rule.
_BY_VALUE = frozenset(["metadata", "spec", "status", "template"])
_POINTERS = frozenset([("ReplicationControllerSpec", "template")])

# Other optional structs that are held by value, by (type, field).
_STRUCTS = frozenset(
    [
        ("AllocationResult", "devices"),
        ("Container", "resources"),
        ("CustomResourceDefinitionStatus", "acceptedNames"),
        ("DaemonSetSpec", "updateStrategy"),
        ("DeploymentSpec", "strategy"),
        ("EphemeralContainer", "resources"),
        ("Event", "deprecatedSource"),
        ("Event", "regarding"),
        ("Event", "source"),
        ("IngressStatus", "loadBalancer"),
        ("NetworkPolicySpec", "podSelector"),
        ("NodeDaemonEndpoints", "kubeletEndpoint"),
        ("NodeStatus", "daemonEndpoints"),
        ("NodeStatus", "nodeInfo"),
        ("PersistentVolumeClaimSpec", "resources"),
        ("ResourceClaimSpec", "devices"),
        ("ServiceStatus", "loadBalancer"),
        ("StatefulSetSpec", "updateStrategy"),
    ]
)


def zero_of(owner: str, field: str, place: Node, required: bool, schemas: SchemaSet) -> Any:
    """MISSING, or the value that an absent field of the definition `owner` has."""
    if place.form is Form.REF:
        if schemas.node(place.ref).form is not Form.STRUCT:
            return None if required else MISSING
        where = owner.rpartition(".")[2], field
        by_value = where in _STRUCTS or (field in _BY_VALUE and where not in _POINTERS)
        return {} if required or (owner and by_value) else MISSING
    if not required:
        return MISSING
    return _SCALARS.get(place.form)
