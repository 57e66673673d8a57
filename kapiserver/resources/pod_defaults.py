"""Defaults of a pod spec, wherever one appears: in pods and in every pod template.

In: a decoded pod spec. Out: the same dict with what kube-apiserver fills in. Fields that a client
set are never touched, whatever they hold: wrong types were refused by the schema before.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.image_names import image_tag
from kapiserver.resources.pod_containers import containers_of
from kapiserver.resources.resource_lists import round_up
from kapiserver.resources.strategies import fill_default, set_default

DEFAULT_GRACE_SECONDS = 30
FILE_MODE = 0o644
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_SIDES = ("limits", "requests")
_POINTERS = ("azureDisk",)  # sources whose empty fields are as good as others
# Init containers were annotations once: whoever still sends these means nothing by it.
_FORGOTTEN = (
    "pod.beta.kubernetes.io/init-containers",
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
    "pod.alpha.kubernetes.io/init-container-statuses",
)

PLUGIN_DEFAULTS: dict[str, Object] = {
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {
        "cachingMode": "ReadWrite",
        "kind": "Shared",
        "fsType": "ext4",
        "readOnly": False,
    },
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def default_pod_template(template: Object) -> None:
    drop_forgotten_annotations(template)
    spec = template.setdefault("spec", {})
    default_pod_spec(spec)
    round_amounts(spec)


def drop_forgotten_annotations(pod: Object) -> None:
    """Of a pod or a template."""
    metadata = pod.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if annotations.keys().isdisjoint(_FORGOTTEN):
        return
    kept = {key: value for key, value in annotations.items() if key not in _FORGOTTEN}
    if kept:
        metadata["annotations"] = kept
    else:
        del metadata["annotations"]


def round_amounts(spec: Object) -> None:
    """After all other defaults: amounts are copied and summed as they were given."""
    for container in containers_of(spec):
        round_up(container.get("resources") or {}, *_SIDES)
    round_up(spec, "overhead")
    round_up(spec.get("resources") or {}, *_SIDES)
    for volume in spec.get("volumes") or ():
        if "ephemeral" in volume:
            claim = (volume["ephemeral"] or {}).get("volumeClaimTemplate") or {}
            round_up((claim.get("spec") or {}).get("resources") or {}, *_SIDES)


def default_pod_status(status: Object) -> None:
    _round_actual(status)
    for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for each in status.get(field) or ():
            _round_actual(each)


def _round_actual(status: Object) -> None:
    """What a pod or a container has, beside what it asked for."""
    round_up(status, "allocatedResources")
    round_up(status.get("resources") or {}, *_SIDES)


def default_pod_spec(spec: Object) -> None:
    fill_default(spec, "dnsPolicy", "ClusterFirst")
    fill_default(spec, "restartPolicy", "Always")
    set_default(spec, "terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
    fill_default(spec, "schedulerName", "default-scheduler")
    set_default(spec, "securityContext", {})
    _mirror_service_account(spec)
    for container in containers_of(spec):
        default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)


def default_grace(spec: Object) -> None:
    """Pods only, not templates: a pod that would be gone before it stops gets a second."""
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1


def default_host_ports(spec: Object) -> None:
    """Pods only, not templates: on the node's network a container's port is the node's."""
    if spec.get("hostNetwork") is True:
        for name in ("initContainers", "containers"):
            for container in spec.get(name) or ():
                for port in container.get("ports") or ():
                    if port.get("containerPort"):
                        fill_default(port, "hostPort", port["containerPort"])


def default_requests(spec: Object) -> None:
    """Pods only, not templates: what is limited and not requested is requested to the limit."""
    for name in ("initContainers", "containers"):
        for container in spec.get(name) or ():
            resources = container.get("resources") or {}
            for resource, quantity in (resources.get("limits") or {}).items():
                resources.setdefault("requests", {}).setdefault(resource, quantity)


def default_container(container: Object) -> None:
    fill_default(container, "terminationMessagePath", "/dev/termination-log")
    fill_default(container, "terminationMessagePolicy", "File")
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image") or "")
    set_default(container, "resources", {})
    for port in container.get("ports") or ():
        fill_default(port, "protocol", "TCP")
    for variable in container.get("env") or ():
        if "valueFrom" in variable:
            _default_source(variable["valueFrom"])
    for name in _PROBES:
        probe = container.get(name)
        if isinstance(probe, dict):
            _default_probe(probe)
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _default_http_get(hook)


def _pull_policy(image: str) -> str:
    """Always for :latest, spelled or implied; what is no name has no tag either."""
    return "Always" if image_tag(image) == "latest" else "IfNotPresent"


def _mirror_service_account(spec: Object) -> None:
    """The deprecated field follows the one that replaced it, and fills it when it came alone."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _default_probe(probe: Object) -> None:
    fill_default(probe, "timeoutSeconds", 1)
    fill_default(probe, "periodSeconds", 10)
    fill_default(probe, "successThreshold", 1)
    fill_default(probe, "failureThreshold", 3)
    _default_http_get(probe)
    grpc = probe.get("grpc")
    if isinstance(grpc, dict):
        set_default(grpc, "service", "")


def _default_http_get(handler: Object) -> None:
    action = handler.get("httpGet")
    if isinstance(action, dict):
        fill_default(action, "path", "/")
        fill_default(action, "scheme", "HTTP")


def _default_source(source: Any) -> None:
    if not isinstance(source, dict):
        return
    field = source.get("fieldRef")
    if isinstance(field, dict):
        fill_default(field, "apiVersion", "v1")
    resource = source.get("resourceFieldRef")
    if isinstance(resource, dict):
        set_default(resource, "divisor", "0")


def _default_volume(volume: Object) -> None:
    if not volume.keys() - {"name"}:
        volume["emptyDir"] = {}
    for name in ("secret", "configMap", "downwardAPI", "projected"):
        source = volume.get(name)
        if isinstance(source, dict):
            set_default(source, "defaultMode", FILE_MODE)
    host_path = volume.get("hostPath")
    if isinstance(host_path, dict):
        set_default(host_path, "type", "")
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _default_source(item)
    for source in (volume.get("projected") or {}).get("sources") or ():
        token = source.get("serviceAccountToken")
        if isinstance(token, dict):
            set_default(token, "expirationSeconds", 3600)
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _default_source(item)
    image = volume.get("image")
    if isinstance(image, dict) and not image.get("pullPolicy"):
        image["pullPolicy"] = _pull_policy(image.get("reference") or "")
    for name, values in PLUGIN_DEFAULTS.items():
        source = volume.get(name)
        if isinstance(source, dict):
            fill = set_default if name in _POINTERS else fill_default
            for field, value in values.items():
                fill(source, field, value)
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if isinstance(claim, dict):
        set_default(claim.setdefault("spec", {}), "volumeMode", "Filesystem")
