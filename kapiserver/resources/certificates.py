"""certificates.k8s.io/v1: signing requests of users and of pods, and trust bundles of signers."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.field_errors import required
from kapiserver.resources.names import path_segment, signer_scoped
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    PLAIN,
    column,
    dig,
    human_duration,
    items,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    put_back,
    put_back_all_but,
    split_status_and_metadata,
    unchanging,
    with_status,
    without_status,
)

CERTIFICATES = Group("certificates.k8s.io", "io.k8s.api.certificates")

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
_DECISIONS = (APPROVED, DENIED)


def _claim_for_user(request: Object, context: WriteContext) -> None:
    """Who asks is taken from the request's identity; approval cannot be brought along."""
    spec = request.setdefault("spec", {})
    for field in ("username", "uid", "groups", "extra"):
        spec.pop(field, None)
    user = context.user
    spec["username"] = user.name
    if user.uid:
        spec["uid"] = user.uid
    if user.groups:
        spec["groups"] = list(user.groups)
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra.items()}
    request["status"] = {}


def _split_approval(request: Object, context: WriteContext) -> None:
    """/approval writes conditions, /status everything else of status but decisions."""
    old = context.old
    if old is None:
        return
    if context.subresource not in ("approval", "status"):
        put_back(request, old, "spec", "status")
        return
    put_back_all_but(request, old, "status")
    status, before = request.get("status") or {}, old.get("status") or {}
    if context.subresource == "approval":
        request["status"] = {**before, "conditions": status.get("conditions") or []}
        return
    conditions = [c for c in status.get("conditions") or () if c.get("type") not in _DECISIONS]
    decided = [c for c in before.get("conditions") or () if c.get("type") in _DECISIONS]
    if decided or "conditions" in status:
        status["conditions"] = decided + conditions
    request["status"] = status


def _validate_request(request: Object, context: WriteContext) -> Sequence[Cause]:
    spec = request.get("spec") or {}
    return [
        required(f"spec.{field}")
        for field in ("request", "signerName", "usages")
        if not spec.get(field)
    ]


def _condition(request: Object, now: float) -> str:
    conditions = {text(condition, "type") for condition in items(request, "status", "conditions")}
    words = [DENIED if DENIED in conditions else APPROVED if APPROVED in conditions else "Pending"]
    if FAILED in conditions:
        words.append(FAILED)
    if dig(request, "status", "certificate"):
        words.append("Issued")
    return ",".join(words)


def _requested_duration(request: Object, now: float) -> str:
    seconds = dig(request, "spec", "expirationSeconds")
    return NONE if seconds is None else human_duration(seconds)


_SIGNER = column("SignerName", value_at("spec", "signerName", absent=NONE), "Who is asked to sign.")
_SIGNER_FIELD = {"spec.signerName": text_at("spec", "signerName")}

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CERTIFICATES.resource(
        "CertificateSigningRequest",
        "certificatesigningrequests",
        namespaced=False,
        short=("csr",),
        subresources=(Subresource("approval", ("get", "patch", "update")), STATUS),
        name_rule=path_segment,
        strategy=with_status(
            create=_claim_for_user,
            update=_split_approval,
            validate=_validate_request,
            generation=False,
        ),
        columns=(
            NAME,
            AGE,
            _SIGNER,
            column("Requestor", value_at("spec", "username"), "Who asks for it."),
            column("RequestedDuration", _requested_duration, "How long it should be valid."),
            column("Condition", _condition, "What has been decided and done."),
        ),
        fields=_SIGNER_FIELD,
    ),
    CERTIFICATES.resource(
        "ClusterTrustBundle",
        "clustertrustbundles",
        namespaced=False,
        name_rule=signer_scoped,
        strategy=without_status(
            validate_update=unchanging("spec.signerName"), unconditional_update=False
        ),
        columns=(NAME, _SIGNER),
        fields=_SIGNER_FIELD,
    ),
    CERTIFICATES.resource(
        "PodCertificateRequest",
        "podcertificaterequests",
        subresources=(STATUS,),
        strategy=with_status(
            update=split_status_and_metadata,
            validate_update=unchanging("spec"),
            unconditional_update=False,
            generation=False,
        ),
        columns=PLAIN,
        fields={
            **_SIGNER_FIELD,
            "spec.nodeName": text_at("spec", "nodeName"),
            "spec.podName": text_at("spec", "podName"),
        },
    ),
)
