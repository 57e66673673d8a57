"""The secrets that a pod names, and those that its account lets it name.

An account with the annotation `kubernetes.io/enforce-mountable-secrets` limits its pods to the
secrets that it lists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kapiserver.resources.definition import Object

ENFORCED = "kubernetes.io/enforce-mountable-secrets"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
# Volume sources, and where each has the name of a secret.
_IN_VOLUMES = (
    ("azureFile", "secretName"),
    ("cephfs", "secretRef"),
    ("cinder", "secretRef"),
    ("csi", "nodePublishSecretRef"),
    ("flexVolume", "secretRef"),
    ("iscsi", "secretRef"),
    ("rbd", "secretRef"),
    ("scaleIO", "secretRef"),
    ("secret", "secretName"),
    ("storageos", "secretRef"),
)
_CONTAINERS = (
    ("initContainers", "init container"),
    ("containers", "container"),
    ("ephemeralContainers", "ephemeral container"),
)


def names_secrets(spec: Object) -> bool:
    """Whether a pod reads a secret in any way."""
    if spec.get("imagePullSecrets"):
        return True
    for field, _ in _CONTAINERS:
        for container in spec.get(field) or ():
            if any(True for _ in _read_by(container)):
                return True
    for volume in spec.get("volumes") or ():
        for source, reference in _IN_VOLUMES:
            if (volume.get(source) or {}).get(reference):
                return True
        projected = (volume.get("projected") or {}).get("sources") or ()
        if any(source.get("secret") is not None for source in projected):
            return True
    return False


def problem_of_pod(account: Object, spec: Object) -> str:
    """The first secret that the account does not let its pods have; empty if there is none."""
    if not _limits(account):
        return ""
    allowed, name = _names(account, "secrets"), account["metadata"]["name"]
    for volume in spec.get("volumes") or ():
        source = volume.get("secret")
        if source is not None and source.get("secretName", "") not in allowed:
            return (
                f'volume with secret.secretName="{source.get("secretName", "")}" is not allowed '
                f"because service account {name} does not reference that secret"
            )
    problem = _of_containers(spec, _CONTAINERS[:2], allowed, name)
    if problem:
        return problem
    pulled = _names(account, "imagePullSecrets")
    for position, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if secret.get("name", "") not in pulled:
            return (
                f'imagePullSecrets[{position}].name="{secret.get("name", "")}" is not allowed '
                f"because service account {name} does not reference that imagePullSecret"
            )
    return ""


def problem_of_added(account: Object, spec: Object) -> str:
    """The same of containers that are added to a running pod."""
    if not _limits(account):
        return ""
    allowed, name = _names(account, "secrets"), account["metadata"]["name"]
    return _of_containers(spec, _CONTAINERS[2:], allowed, name)


def _of_containers(
    spec: Object, kinds: Collection[tuple[str, str]], allowed: Collection[str], account: str
) -> str:
    for field, shown in kinds:
        for container in spec.get(field) or ():
            for where, secret in _read_by(container):
                if secret not in allowed:
                    return (
                        f"{shown} {container.get('name', '')} with {where} referencing "
                        f'secret.secretName="{secret}" is not allowed because service account '
                        f"{account} does not reference that secret"
                    )
    return ""


def _read_by(container: Object) -> Iterator[tuple[str, str]]:
    """(where, secret) of a container's environment."""
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
        if reference is not None:
            yield f"envVar {variable.get('name', '')}", reference.get("name", "")
    for source in container.get("envFrom") or ():
        reference = source.get("secretRef")
        if reference is not None:
            yield "envFrom", reference.get("name", "")


def _limits(account: Object) -> bool:
    annotations = account["metadata"].get("annotations") or {}
    return annotations.get(ENFORCED) in _TRUE


def _names(account: Object, field: str) -> frozenset[str]:
    return frozenset(entry.get("name", "") for entry in account.get(field) or ())
