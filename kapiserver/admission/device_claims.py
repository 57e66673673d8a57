"""What claims on devices ask of others than their own fields: labels of the namespace, and rights.

Access to devices that are in use is for namespaces that say so. Who changes the status of a claim
needs more than the right to: `update` (or `patch`) on `resourceclaims/binding` to allocate and to
reserve, and on `resourceclaims/driver`, under the name of the driver, to say something of devices.
That verb has a prefix: arbitrary-node:, or associated-node: for service accounts on the node that
the claim is allocated to. No flag turns this off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kapiserver.admission.chain import CREATE, UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, object_of, old_of
from kapiserver.authz.authorizer import Attributes as Question
from kapiserver.authz.authorizer import Decision, forbidden
from kapiserver.errors import Cause, Invalid
from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden as forbidden_field
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.validation.device_claims import device_identity
from kapiserver.resources.validation.same import same

GROUP = "resource.k8s.io"
ADMIN_LABEL = "resource.kubernetes.io/admin-access"

_CLAIMS, _TEMPLATES = f"resourceclaims.{GROUP}", f"resourceclaimtemplates.{GROUP}"
_NODE_CLAIM = "authentication.kubernetes.io/node-name"
_ACCOUNT = "system:serviceaccount:"
_RESULTS = "status.allocation.devices.results"


class DeviceClaims:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule(Phase.VALIDATE, (CREATE,), (_CLAIMS,), self._check_claim),
            Rule(Phase.VALIDATE, (CREATE,), (_TEMPLATES,), self._check_template),
            Rule(Phase.VALIDATE, (UPDATE,), (f"{_CLAIMS}/status",), self._check_status),
        )

    async def _check_claim(self, attributes: Attributes) -> None:
        spec = object_of(attributes).get("spec") or {}
        _refuse(attributes, await self._admin_problem(attributes, _asking(spec)))

    async def _check_template(self, attributes: Attributes) -> None:
        spec = (object_of(attributes).get("spec") or {}).get("spec") or {}
        _refuse(attributes, await self._admin_problem(attributes, _asking(spec)))

    async def _check_status(self, attributes: Attributes) -> None:
        status = object_of(attributes).get("status") or {}
        before = old_of(attributes).get("status") or {}
        found: list[Cause] = []
        if not _granted(before):
            found += await self._admin_problem(attributes, _granted(status))
        found += _binding_problem(attributes, status, before)
        found += _driver_problems(attributes, status, before)
        _refuse(attributes, found)

    async def _admin_problem(self, attributes: Attributes, path: str) -> list[Cause]:
        """`path` is the first field that wants such access, if there is one."""
        if not path:
            return []
        namespace = await self._known.find("", "namespaces", attributes.namespace)
        if namespace is not None and namespace.labels.get(ADMIN_LABEL) == "true":
            return []
        detail = (
            f"admin access to devices requires the `{ADMIN_LABEL}: true` label on the containing "
            "namespace"
        )
        return [forbidden_field(path, detail)]


def _refuse(attributes: Attributes, causes: Sequence[Cause]) -> None:
    if not causes:
        return
    metadata = object_of(attributes).get("metadata") or {}
    definition = attributes.definition
    raise Invalid.of(definition.group, definition.kind, metadata.get("name") or "", causes)


def _asking(spec: Object) -> str:
    requests = (spec.get("devices") or {}).get("requests") or ()
    for position, request in enumerate(requests):
        if (request.get("exactly") or {}).get("adminAccess"):
            # upstream's path, in claims and templates alike
            return f"spec.devices.requests[{position}].adminAccess"
    return ""


def _results(status: Object) -> Sequence[Object]:
    return ((status.get("allocation") or {}).get("devices") or {}).get("results") or ()


def _granted(status: Object) -> str:
    for position, result in enumerate(_results(status)):
        if result.get("adminAccess"):
            return f"{_RESULTS}[{position}].adminAccess"
    return ""


def _denial(attributes: Attributes, verb: str, part: str, name: str, namespace: str) -> str:
    """Why the user may not, or nothing."""
    if attributes.authorizer is None:
        return ""
    question = Question(
        attributes.user,
        verb,
        True,
        group=GROUP,
        version=attributes.version,
        namespace=namespace,
        resource="resourceclaims",
        subresource=part,
        name=name,
    )
    decision, reason = attributes.authorizer.authorize(question)
    return "" if decision is Decision.ALLOW else forbidden(question, reason).message


def _binding_problem(attributes: Attributes, status: Object, before: Object) -> list[Cause]:
    if all(same(status.get(name), before.get(name)) for name in ("allocation", "reservedFor")):
        return []
    denial = _denial(attributes, attributes.verb, "binding", "", "")
    if not denial:
        return []
    detail = (
        "changing status.allocation or status.reservedFor requires "
        f'resource="resourceclaims/binding", verb="{attributes.verb}" permission: {denial}'
    )
    return [forbidden_field("status", detail)]


def _driver_problems(attributes: Attributes, status: Object, before: Object) -> list[Cause]:
    drivers = _changed_drivers(status, before)
    if not drivers:
        return []
    verbs = [f"arbitrary-node:{attributes.verb}"]
    if _is_on(attributes.user, _node_of(status.get("allocation") or {})):
        verbs.insert(0, f"associated-node:{attributes.verb}")
    found: list[Cause] = []
    for driver in sorted(drivers):
        denials = []
        for verb in verbs:
            denial = _denial(attributes, verb, "driver", driver, attributes.namespace)
            if not denial:
                break
            denials.append(denial)
        else:
            detail = (
                'changing status.devices requires resource="resourceclaims/driver", '
                f'verb="[{" ".join(verbs)}]" permission: {denials[0]}'
            )
            found.append(forbidden_field("status.devices", detail))
    return found


def _changed_drivers(status: Object, before: Object) -> set[str]:
    """Drivers of which something is said that was not, or no longer."""
    now, was = _by_device(status), _by_device(before)
    return {
        device.get("driver") or ""
        for identity, device in {**was, **now}.items()
        if identity not in now or identity not in was or not same(now[identity], was[identity])
    }


def _by_device(status: Object) -> Mapping[tuple[str, ...], Object]:
    return {device_identity(device): device for device in status.get("devices") or ()}


def _node_of(allocation: Object) -> str:
    """The one node that can use what was allocated."""
    terms: list[Any] = (allocation.get("nodeSelector") or {}).get("nodeSelectorTerms") or []
    if len(terms) != 1 or terms[0].get("matchExpressions"):
        return ""
    fields: list[Any] = terms[0].get("matchFields") or []
    if len(fields) != 1:
        return ""
    values: list[Any] = fields[0].get("values") or []
    by_name = fields[0].get("key") == "metadata.name" and fields[0].get("operator") == "In"
    return str(values[0]) if by_name and len(values) == 1 else ""


def _is_on(user: UserInfo, node: str) -> bool:
    nodes = tuple(user.extra.get(_NODE_CLAIM, ()))
    return nodes == (node,) and user.name.startswith(_ACCOUNT) and not dns1123_subdomain(node)
