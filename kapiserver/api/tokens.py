"""serviceaccounts/token: a token for a service account (`kubectl create token`). Nothing is stored.

In: a TokenRequest: for whom it is, how long, and what it is bound to. Out: the request with the
token in its status. A token is given only for objects that exist with the uid that is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from kapiserver.admission.chain import CREATE
from kapiserver.api.call import Call
from kapiserver.api.decoding import read_placed
from kapiserver.api.metadata import timestamp
from kapiserver.api.options import WriteOptions, write_options
from kapiserver.api.render import respond_json
from kapiserver.authn.claims import Account, Bound, Reference
from kapiserver.authn.service_accounts import ServiceAccountTokens
from kapiserver.errors import BadRequest, Cause, Conflict, Invalid, NotFound
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, not_supported
from kapiserver.resources.names import dns1123_subdomain

GROUP, KIND = "authentication.k8s.io", "TokenRequest"

DEFAULT_SECONDS = 3600
SHORTEST_SECONDS = 600
LONGEST_SECONDS = 1 << 32
# What kubelets ask for on behalf of pods whose programs may not know that tokens end: such tokens
# last a year, and say from when on their use is worth a remark.
EXTENDED_REQUEST_SECONDS = 3607
EXTENDED_SECONDS = 365 * 24 * 3600

_WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_WEBHOOK_GROUP, _WEBHOOK_VERSION = "admissionregistration.k8s.io", "v1"
_ATTESTATION = "admissionReviewAPIGroups"
_BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


class TokenPolicy(NamedTuple):
    """`longest`: seconds after which a token ends at the latest, 0: no limit of the server's."""

    longest: int = 0
    extend: bool = True


def token_verb(
    tokens: ServiceAccountTokens, policy: TokenPolicy
) -> Callable[[Call], Awaitable[Response]]:
    """For the router."""

    async def create_token(call: Call) -> Response:
        options = write_options(call.context.query, "CreateOptions")
        request = await _read(call, options)
        now = int(time.time())
        account = await _complete(call, request, tokens, now)
        await _admit(call, request)
        spec = request["spec"]
        reference = spec.get("boundObjectRef")
        bound = Bound() if reference is None else await _bound(call, reference)
        _shorten(call, spec, policy)
        seconds, warn_after = spec["expirationSeconds"], 0
        if (
            policy.extend
            and bound.pod is not None
            and seconds == EXTENDED_REQUEST_SECONDS
            and set(spec["audiences"]) <= set(tokens.audiences)
        ):
            seconds, warn_after = EXTENDED_SECONDS, seconds
        token = tokens.issue(
            account, bound, spec["audiences"], now=now, seconds=seconds, warn_after=warn_after
        )
        spec.setdefault("boundObjectRef", None)
        request["status"] = {
            "token": token,
            "expirationTimestamp": timestamp(now + spec["expirationSeconds"]),
        }
        return respond_json(request, call.context, 201)

    return create_token


async def _read(call: Call, options: WriteOptions) -> Object:
    sent = await read_placed(call, options)
    return {
        "kind": KIND,
        "apiVersion": f"{GROUP}/v1",
        "metadata": sent["metadata"],
        "spec": sent.get("spec") or {},
    }


async def _complete(call: Call, request: Object, tokens: ServiceAccountTokens, now: int) -> Account:
    """Fill in what was left out; returns the account. Raises ApiError."""
    metadata, spec = request["metadata"], request["spec"]
    if metadata.get("name") and metadata["name"] != call.name:
        detail = "must match the service account name if specified"
        cause = invalid("metadata.name", metadata["name"], detail)
        raise Invalid.of(GROUP, KIND, call.name, [cause])
    stored = await call.scope.objects.get(call.namespace, call.name)
    if stored is None:
        raise call.not_found()
    uid = stored.decoded()["metadata"]["uid"]
    if metadata.get("uid") and metadata["uid"] != uid:
        why = (
            f"the UID in the token request ({metadata['uid']}) does not match the UID of the "
            f"service account ({uid})"
        )
        raise Conflict.of(GROUP, KIND, call.name, why)
    metadata.update(
        name=call.name, namespace=call.namespace, uid=uid, creationTimestamp=timestamp(now)
    )
    if not spec.get("audiences"):
        spec["audiences"] = list(tokens.audiences)
    spec.setdefault("expirationSeconds", DEFAULT_SECONDS)
    causes = check_request(spec)
    if causes:
        raise Invalid.of(GROUP, KIND, "", causes)
    return Account(call.namespace, call.name, uid)


async def _admit(call: Call, request: Object) -> None:
    attributes = call.admission_attributes(CREATE, call.name, dry_run=False, obj=request)
    await call.services.admission.mutate(attributes)
    await call.services.admission.validate(attributes)


def _shorten(call: Call, spec: dict[str, Any], policy: TokenPolicy) -> None:
    wanted = spec["expirationSeconds"]
    if 0 < policy.longest < wanted:
        call.context.warn(
            f"requested expiration of {wanted} seconds shortened to {policy.longest} seconds"
        )
        spec["expirationSeconds"] = policy.longest


# -- validation -------------------------------------------------------------------------------


def check_request(spec: dict[str, Any]) -> list[Cause]:
    found = []
    seconds = spec["expirationSeconds"]
    if seconds < SHORTEST_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
        found.append(invalid("spec.expirationSeconds", seconds, detail))
    if seconds > LONGEST_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
        found.append(invalid("spec.expirationSeconds", seconds, detail))
    attestations = spec.get("attestations")
    if _is_webhook(spec.get("boundObjectRef")):
        if len(spec["audiences"]) != 1:
            detail = "must be length 1 when bound to a webhook config"
            found.append(invalid("spec.audiences", spec["audiences"], detail))
        found += _check_attestations(attestations)
    elif attestations:
        detail = "attestations may only be specified with a webhook bound object reference"
        return [invalid("spec.attestations", attestations, detail)]
    return found


def _is_webhook(reference: dict[str, Any] | None) -> bool:
    if reference is None or reference.get("kind", "") not in _WEBHOOKS:
        return False
    return bool(reference.get("apiVersion") == f"{_WEBHOOK_GROUP}/{_WEBHOOK_VERSION}")


def _check_attestations(attestations: dict[str, Any] | None) -> list[Cause]:
    if attestations is None or len(attestations) != 1:
        detail = "webhook bound requests require exactly one admissionReviewAPIGroups attestation"
        return [invalid("spec.attestations", attestations, detail)]
    ((key, values),) = attestations.items()
    path = f"spec.attestations[{key}]"
    if key != _ATTESTATION:
        return [not_supported(path, key, [_ATTESTATION])]
    if len(values or ()) != 1:
        return [invalid(path, values, "must specify a single value")]
    path, group = f"{path}[0]", values[0]
    if not group:
        return [invalid(path, group, "may not be an empty string")]
    if group == "*":
        return []
    return [
        invalid(path, group, f"must specify a valid API Group: {problem}")
        for problem in dns1123_subdomain(group)
    ]


# -- what a token is bound to -----------------------------------------------------------------


async def _bound(call: Call, reference: dict[str, Any]) -> Bound:
    """Raises NotFound, BadRequest or Conflict."""
    group, _, version = reference.get("apiVersion", "").rpartition("/")
    kind, name = reference.get("kind", ""), reference.get("name", "")
    plural = _BOUND.get(kind) if not group else None
    if plural is None:
        text = f"cannot bind token to object of type {group}/{version}, Kind={kind}"
        if _is_webhook(reference):
            text += " (feature gate APIServerWebhookAuthenticationToken is disabled)"
        raise BadRequest(text)
    obj = await _get(call, plural, name)
    if obj is None:
        raise NotFound.of("", plural, name)
    uid = obj["metadata"]["uid"]
    node = None
    spec = obj.get("spec", {})
    if plural == "pods":
        if spec.get("serviceAccountName", "") != call.name:
            raise BadRequest(
                f'cannot bind token for serviceaccount "{call.name}" to pod running with '
                "different serviceaccount name."
            )
        node = await _node_of(call, spec.get("nodeName", ""))
    if reference.get("uid") and reference["uid"] != uid:
        why = (
            f"the UID in the bound object reference ({reference['uid']}) does not match the UID "
            "in record. The object might have been deleted and then recreated"
        )
        raise Conflict.of("", kind, name, why)
    found = Reference(name, uid)
    match plural:
        case "pods":
            return Bound(pod=found, node=node)
        case "secrets":
            return Bound(secret=found)
    return Bound(node=found)


async def _node_of(call: Call, name: str) -> Reference | None:
    """The node that a pod is on; of one that is not there (any more), the name alone."""
    if not name:
        return None
    node = await _get(call, "nodes", name)
    return Reference(name, "" if node is None else node["metadata"]["uid"])


async def _get(call: Call, plural: str, name: str) -> Object | None:
    scope = call.services.scopes.stored("", plural)
    namespace = call.namespace if scope.definition.namespaced else ""
    stored = await scope.objects.get(namespace, name) if name else None
    return None if stored is None else stored.decoded()
