"""ServiceAccount: every pod runs as an account of its namespace, which has to exist, and gets the
account's token, its pull secrets and its limits.

In: the accounts. Out: serviceAccountName, imagePullSecrets, and a volume with a token that is
mounted into every container that has nothing there. Mirror pods, which a kubelet shows of itself,
have no account. The account `default` of a new namespace may come a moment later than the
namespace: a controller makes it, so pods wait for it.
"""

from __future__ import annotations

import trio

from kapiserver.admission.account_secrets import names_secrets, problem_of_added, problem_of_pod
from kapiserver.admission.chain import CREATE, UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, forbidden, object_of, spec_of
from kapiserver.api.metadata import generated_name
from kapiserver.resources.definition import Object
from kapiserver.storage import StoredObject

DEFAULT = "default"
MIRROR = "kubernetes.io/config.mirror"
VOLUME = "kube-api-access-"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS = 3607  # a token of this lifetime is extended for programs that never read it anew

# How long a pod waits for the account `default`, in steps: two seconds together.
_WAITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4)


class ServiceAccount:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule(Phase.MUTATE, (CREATE,), ("pods",), self._complete),
            Rule(Phase.VALIDATE, (CREATE,), ("pods",), self._check),
            Rule(Phase.VALIDATE, (UPDATE,), ("pods/ephemeralcontainers",), self._check_added),
        )

    async def _complete(self, attributes: Attributes) -> None:
        pod = object_of(attributes)
        if _is_mirror(pod):
            _check_mirror(attributes, pod)
            return
        spec = spec_of(pod)
        if not spec.get("serviceAccountName"):
            spec["serviceAccountName"] = spec["serviceAccount"] = DEFAULT
        account = await self._account(attributes, spec["serviceAccountName"])
        if _wants_token(spec, account):
            _mount_token(spec)
        pull_secrets = [
            {"name": secret.get("name", "")} for secret in account.get("imagePullSecrets") or ()
        ]
        if pull_secrets and not spec.get("imagePullSecrets"):
            spec["imagePullSecrets"] = pull_secrets
        _check_secrets(attributes, account, spec)

    async def _check(self, attributes: Attributes) -> None:
        pod = object_of(attributes)
        if _is_mirror(pod):
            _check_mirror(attributes, pod)
            return
        spec = spec_of(pod)
        account = await self._account(attributes, spec.get("serviceAccountName", ""))
        _check_secrets(attributes, account, spec)

    async def _check_added(self, attributes: Attributes) -> None:
        pod = object_of(attributes)
        spec = spec_of(pod)
        name = spec.get("serviceAccountName")
        if not name:
            where = f"{attributes.namespace}/{pod['metadata'].get('name', '')}"
            raise forbidden(attributes, f"no service account specified for pod {where}")
        account = await self._account(attributes, name)
        if problem := problem_of_added(account, spec):
            raise forbidden(attributes, problem)

    async def _account(self, attributes: Attributes, name: str) -> Object:
        namespace = attributes.namespace
        found = await self._find(namespace, name)
        if found is None:
            raise forbidden(
                attributes,
                f"error looking up service account {namespace}/{name}: "
                f'serviceaccount "{name}" not found',
            )
        return found.decoded()

    async def _find(self, namespace: str, name: str) -> StoredObject | None:
        found = await self._known.find("", "serviceaccounts", name, namespace)
        if found is not None or name != DEFAULT:
            return found
        for seconds in _WAITS:
            await trio.sleep(seconds)
            found = await self._known.find("", "serviceaccounts", name, namespace)
            if found is not None:
                break
        return found


def _check_secrets(attributes: Attributes, account: Object, spec: Object) -> None:
    if problem := problem_of_pod(account, spec):
        raise forbidden(attributes, problem)


def _is_mirror(pod: Object) -> bool:
    return MIRROR in (pod["metadata"].get("annotations") or {})


def _check_mirror(attributes: Attributes, pod: Object) -> None:
    spec = spec_of(pod)
    if spec.get("serviceAccountName"):
        raise forbidden(attributes, "a mirror pod may not reference service accounts")
    if names_secrets(spec):
        raise forbidden(attributes, "a mirror pod may not reference secrets")
    for volume in spec.get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if source.get("serviceAccountToken") is not None:
                raise forbidden(
                    attributes,
                    "a mirror pod may not use ServiceAccountToken volume projections",
                )


def _wants_token(spec: Object, account: Object) -> bool:
    """The pod's word counts more than the account's; by default there is one."""
    for given in (spec, account):
        wanted = given.get("automountServiceAccountToken")
        if wanted is not None:
            return bool(wanted)
    return True


def _mount_token(spec: Object) -> None:
    volumes = spec.get("volumes") or []
    there = next((v["name"] for v in volumes if v.get("name", "").startswith(VOLUME)), "")
    name = there or generated_name(VOLUME)
    needed = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.get("volumeMounts") or []
        if not any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
            mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
            container["volumeMounts"] = [*mounts, mount]
            needed = True
    if needed and not there:
        spec["volumes"] = [*volumes, {"name": name, "projected": _token_sources()}]


def _token_sources() -> Object:
    """The token, the cluster's CA, and the name of the namespace."""
    namespace = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
        ],
        "defaultMode": 0o644,
    }
