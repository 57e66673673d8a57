"""CSI drivers, what they tell of nodes and of their capacity, and volumes that they attach."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    immutable,
    invalid,
    required,
    too_long,
    unsupported,
)
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.validation.formats import (
    MAX_INT32,
    NON_NEGATIVE,
    Found,
    check_non_negative,
    check_subdomain,
    in_range,
)
from kapiserver.resources.validation.internals import NIL, Field, Shape, internal, nested, text
from kapiserver.resources.validation.labels import check_qualified, check_selector
from kapiserver.resources.validation.persistent_volumes import check_inline_spec
from kapiserver.resources.validation.plugin_volumes import check_driver
from kapiserver.resources.validation.quantities import amount
from kapiserver.resources.validation.same import same

_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLES = ("Persistent", "Ephemeral")
_FLAGS = ("attachRequired", "podInfoOnMount", "storageCapacity")
_KEPT = ("attachRequired", "volumeLifecycleModes")
_MIN_TOKEN_SECONDS = 600
_MAX_TOKEN_SECONDS = 1 << 32
_MIN_UPDATE_SECONDS = 10
_MAX_NODE_ID = 256
_MAX_METADATA = 256 << 10
_MAX_MESSAGE = 1024
_TOKENS_SHOWN = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to "
    "prevent possible logging of tokens in volume attributes"
)
_ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
_DRIVER: Shape = {
    "Name": text("name"),
    "NodeID": text("nodeID"),
    "TopologyKeys": Field("topologyKeys"),
    "Allocatable": nested("allocatable", {"Count": Field("count")}),
}


def check_csi_driver(found: Found, spec: Object, old: Object | None) -> None:
    found += [required(f"spec.{field}") for field in _FLAGS if spec.get(field) is None]
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in _GROUP_POLICIES:
        found.append(unsupported("spec.fsGroupPolicy", policy, _GROUP_POLICIES))
    requests = spec.get("tokenRequests") or ()
    _check_token_requests(found, requests, "spec.tokenRequests")
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in _LIFECYCLES:
            found.append(unsupported("spec.volumeLifecycleModes", mode, _LIFECYCLES))
    if spec.get("seLinuxMount") is None:
        found.append(required("spec.seLinuxMount"))
    seconds = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if seconds is not None and seconds < _MIN_UPDATE_SECONDS:
        detail = "must be greater than or equal to 10 seconds"
        found.append(invalid("spec.nodeAllocatableUpdatePeriodSeconds", seconds, detail))
    secret = spec.get("serviceAccountTokenInSecrets")
    if secret is not None and not requests:
        detail = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        found.append(invalid("spec.serviceAccountTokenInSecrets", secret, detail))
    if old is not None:
        found += [
            immutable(f"spec.{field}", spec.get(field))
            for field in _KEPT
            if spec.get(field) != old.get(field)
        ]


def driver_warnings(spec: Object, old: Object) -> list[str]:
    """Tokens that a driver asks for now, and did not before."""
    requests = spec.get("tokenRequests")
    if not requests or spec.get("serviceAccountTokenInSecrets") is not None:
        return []
    return [] if same(requests, old.get("tokenRequests")) else [_TOKENS_SHOWN]


def _check_token_requests(found: Found, requests: Any, path: str) -> None:
    audiences: set[str] = set()
    for position, request in enumerate(requests):
        here = f"{path}[{position}]"
        audience, seconds = request.get("audience", ""), request.get("expirationSeconds")
        if audience in audiences:
            found.append(duplicate(f"{here}.audience", audience))
            continue
        audiences.add(audience)
        if seconds is not None and seconds < _MIN_TOKEN_SECONDS:
            detail = "may not specify a duration less than 10 minutes"
            found.append(invalid(f"{here}.expirationSeconds", seconds, detail))
        if seconds is not None and seconds > _MAX_TOKEN_SECONDS:
            detail = "may not specify a duration larger than 2^32 seconds"
            found.append(invalid(f"{here}.expirationSeconds", seconds, detail))


def check_csi_node(found: Found, spec: Object, old: Object | None) -> None:
    drivers: dict[str, list[Object]] = {}
    for position, driver in enumerate(spec.get("drivers") or ()):
        here, name = f"spec.drivers[{position}]", driver.get("name", "")
        _check_node_driver(found, driver, here)
        if name in drivers:
            found.append(duplicate(f"{here}.name", name))
        drivers.setdefault(name, []).append(driver)
        _check_topology_keys(found, driver.get("topologyKeys") or (), here)
    for before in (old or {}).get("drivers") or ():
        for driver in drivers.get(before.get("name", ""), ()):
            # how many volumes a node can take may change
            now, was = (
                {k: v for k, v in d.items() if k != "allocatable"} for d in (driver, before)
            )
            if not same(now, was):
                found.append(immutable("spec.drivers", internal(now, _DRIVER)))


def _check_node_driver(found: Found, driver: Object, path: str) -> None:
    check_driver(found, driver.get("name", ""), f"{path}.name")
    identity = driver.get("nodeID", "")
    if not identity:
        found.append(required(f"{path}.nodeID"))
    if len(identity.encode()) > _MAX_NODE_ID:
        detail = f"must be {_MAX_NODE_ID} characters or less"
        found.append(invalid(f"{path}.nodeID", identity, detail))
    check_non_negative(found, driver.get("allocatable") or {}, f"{path}.allocatable", "count")


def _check_topology_keys(found: Found, keys: Any, path: str) -> None:
    seen: set[str] = set()
    for key in keys:
        if not key:
            found.append(required(path))
        if key in seen:
            found.append(duplicate(path, key))
        seen.add(key)
        check_qualified(found, key, path)


def check_capacity(found: Found, obj: Object, old: Object | None) -> None:
    before: Found = []
    topology = obj.get("nodeTopology")
    check_selector(before, (old or {}).get("nodeTopology"), "")
    check_selector(found, topology, "nodeTopology", values=not before)
    name, capacity = obj.get("storageClassName", ""), obj.get("capacity")
    check_subdomain(found, name, "storageClassName")
    if capacity is not None and amount(capacity) < 0:
        found.append(invalid("capacity", str(capacity), NON_NEGATIVE))
    if old is None:
        return
    if not same(topology, old.get("nodeTopology")):
        found.append(immutable("nodeTopology", NIL if topology is None else topology))
    if name != old.get("storageClassName", ""):
        found.append(immutable("storageClassName", name))


# -- attachments -------------------------------------------------------------------------------


def check_attachment(found: Found, obj: Object, *, is_new: bool) -> None:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    attacher, source = spec.get("attacher", ""), spec.get("source") or {}
    if not attacher:
        found.append(required("spec.attacher"))
    _check_attached(found, source, "spec.source")
    check_subdomain(found, spec.get("nodeName", ""), "spec.nodeName")
    metadata = status.get("attachmentMetadata") or {}
    if sum(len(k.encode()) + len(v.encode()) for k, v in metadata.items()) > _MAX_METADATA:
        found.append(too_long("status.attachmentMetadata", _MAX_METADATA))
    for field in ("attachError", "detachError"):
        _check_error(found, status.get(field) or {}, f"status.{field}")
    if is_new:
        check_driver(found, attacher, "spec.attacher")
        name = source.get("persistentVolumeName")
        if name is not None:
            path = "spec.source.persistentVolumeName"
            found += [invalid(path, name, problem) for problem in dns1123_subdomain(name)]


def _check_attached(found: Found, source: Object, path: str) -> None:
    inline, name = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and name is None:
        found.append(required(path, _ONE_SOURCE))
    elif inline is not None and name is not None:
        found.append(forbidden(path, _ONE_SOURCE))
    elif inline is not None:
        check_inline_spec(found, inline, f"{path}.inlineVolumeSpec")
    elif not name:
        detail = "must specify non empty persistentVolumeName"
        found.append(required(f"{path}.persistentVolumeName", detail))


def _check_error(found: Found, error: Object, path: str) -> None:
    if len(error.get("message", "").encode()) > _MAX_MESSAGE:
        # the limit that is told is that of the metadata, as upstream has it
        found.append(too_long(f"{path}.message", _MAX_METADATA))
    code = error.get("errorCode")
    if code is not None and code < 0:
        found.append(invalid(f"{path}.errorCode", code, in_range(0, MAX_INT32)))
