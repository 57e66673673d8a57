"""certificates.k8s.io/v1: signing requests of users and of pods, and trust bundles of signers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group, text_at
from kapiserver.resources.definition import (
    Column,
    Object,
    ResourceDefinition,
    WriteContext,
)
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    column,
    dig,
    doc,
    human_duration,
    items,
    labels_at,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    put_back,
    put_back_all_but,
    set_default,
    split_status_and_metadata,
    with_status,
    without_status,
)
from kapiserver.resources.validation.certificate_answers import (
    DEFAULT_SECONDS,
    check_answer,
    check_pod_certificate,
    check_pod_certificate_stays,
    utc_now,
)
from kapiserver.resources.validation.signing import (
    APPROVED,
    DECISIONS,
    DENIED,
    FAILED,
    check_signing_request,
    check_signing_update,
    check_trust_bundle,
)

CERTIFICATES = Group("certificates.k8s.io", "io.k8s.api.certificates")

_ANSWERS = ("Issued", "Denied", "Failed")


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
    """/approval writes conditions, /status all of the status but decisions."""
    old = context.old
    if old is None:
        return
    if context.subresource not in ("approval", "status"):
        put_back(request, old, "spec", "status")
        return
    put_back_all_but(request, old, "status")
    status, before = dict(request.get("status") or {}), old.get("status") or {}
    conditions = [dict(condition) for condition in status.get("conditions") or ()]
    if context.subresource == "status":
        for kind in DECISIONS:
            _keep(conditions, before, kind)
    _stamp(conditions, before, updated=True)
    if context.subresource == "approval":
        status = dict(before)
    if conditions or "conditions" in status:
        status["conditions"] = conditions
    request["status"] = status


def _keep(conditions: list[Object], before: Object, kind: str) -> None:
    """What was decided stays word for word; adding and removing is for validation to refuse."""
    kept = [condition for condition in items(before, "conditions") if condition.get("type") == kind]
    places = [n for n, condition in enumerate(conditions) if condition.get("type") == kind]
    if len(kept) == len(places):
        for place, condition in zip(places, kept, strict=True):
            conditions[place] = condition


def _stamp(conditions: list[Object], before: Object, *, updated: bool) -> None:
    """Times that the client left out: now, or the time of the condition as it was."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    was = {
        (condition.get("type"), condition.get("status")): condition.get("lastTransitionTime")
        for condition in reversed(items(before, "conditions"))
        if condition.get("lastTransitionTime")
    }
    for place, condition in enumerate(conditions):
        stamped = dict(condition)
        if updated and not condition.get("lastUpdateTime"):
            stamped["lastUpdateTime"] = now
        if not condition.get("lastTransitionTime"):
            key = (condition.get("type"), condition.get("status"))
            stamped["lastTransitionTime"] = was.get(key) or now
        conditions[place] = stamped


def _validate_request(request: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_signing_request(found, request, context.old)
    if context.old is not None:
        check_signing_update(found, request, context.old, context.subresource)
    return found


def _validate_bundle(bundle: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_trust_bundle(found, bundle, context.old)
    return found


def _default_lifetime(request: Object, context: WriteContext) -> None:
    set_default(request.setdefault("spec", {}), "maxExpirationSeconds", DEFAULT_SECONDS)


def _split_answer(request: Object, context: WriteContext) -> None:
    split_status_and_metadata(request, context)
    if context.old is None or context.subresource != "status":
        return
    status, before = dict(request.get("status") or {}), context.old.get("status") or {}
    conditions = list(items(status, "conditions"))
    for kind in _ANSWERS:
        _keep(conditions, before, kind)
    _stamp(conditions, before, updated=False)
    if conditions:
        status["conditions"] = conditions
    request["status"] = status


def _validate_pod_request(request: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    spec, old = request.get("spec") or {}, context.old
    if old is None:
        check_pod_certificate(found, spec)
    elif context.subresource == "status":
        check_answer(found, request, old, utc_now())
    else:
        check_pod_certificate_stays(found, spec, old.get("spec") or {})
    return found


def _condition(request: Object, now: float) -> str:
    conditions = {text(condition, "type") for condition in items(request, "status", "conditions")}
    words = [DENIED if DENIED in conditions else APPROVED if APPROVED in conditions else "Pending"]
    if FAILED in conditions:
        words.append(FAILED)
    if dig(request, "status", "certificate"):
        words.append("Issued")
    return ",".join(words)


def _state(request: Object, now: float) -> str:
    kinds = [text(condition, "type") for condition in items(request, "status", "conditions")]
    return next((kind for kind in reversed(kinds) if kind in _ANSWERS), "Pending")


def _requested_duration(request: Object, now: float) -> str:
    seconds = dig(request, "spec", "expirationSeconds")
    return NONE if seconds is None else human_duration(seconds)


def _signer(spec: str) -> Column:
    return column(
        "SignerName",
        value_at("spec", "signerName", absent=NONE),
        doc(f"certificates.v1.{spec}.signerName"),
    )


_SIGNER_FIELD = {"spec.signerName": text_at("spec", "signerName")}

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CERTIFICATES.resource(
        "CertificateSigningRequest",
        "certificatesigningrequests",
        namespaced=False,
        short=("csr",),
        subresources=(
            replace(STATUS, name="approval", keeps=("spec", "status.certificate")),
            replace(STATUS, keeps=("spec", "status.conditions")),
        ),
        name_rule=path_segment,
        strategy=with_status(
            create=_claim_for_user,
            update=_split_approval,
            validate=_validate_request,
            complete=True,
            generation=False,
            keeps=("spec", "status"),
        ),
        columns=(
            NAME,
            AGE,
            _signer("CertificateSigningRequestSpec"),
            column(
                "Requestor",
                value_at("spec", "username"),
                doc("certificates.v1.CertificateSigningRequestSpec.request"),
            ),
            column(
                "RequestedDuration",
                _requested_duration,
                doc("certificates.v1.CertificateSigningRequestSpec.expirationSeconds"),
            ),
            column(
                "Condition",
                _condition,
                doc("certificates.v1.CertificateSigningRequestStatus.conditions"),
            ),
        ),
        fields=_SIGNER_FIELD,
    ),
    CERTIFICATES.resource(
        "ClusterTrustBundle",
        "clustertrustbundles",
        hash_version="v1beta1",
        namespaced=False,
        # the rule for names depends on the signer, and is one of the object's own
        name_rule=path_segment,
        strategy=without_status(
            validate=_validate_bundle, complete=True, unconditional_update=False
        ),
        columns=(NAME, _signer("ClusterTrustBundleSpec")),
        fields=_SIGNER_FIELD,
    ),
    CERTIFICATES.resource(
        "PodCertificateRequest",
        "podcertificaterequests",
        hash_version="v1beta1",
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_default_lifetime,
            update=_split_answer,
            validate=_validate_pod_request,
            complete=True,
            unconditional_update=False,
            generation=False,
        ),
        columns=(
            NAME,
            column(
                "PodName",
                value_at("spec", "podName"),
                doc("certificates.v1.PodCertificateRequestSpec.podName"),
            ),
            column(
                "ServiceAccountName",
                value_at("spec", "serviceAccountName"),
                doc("certificates.v1.PodCertificateRequestSpec.serviceAccountName"),
            ),
            column(
                "NodeName",
                value_at("spec", "nodeName"),
                doc("certificates.v1.PodCertificateRequestSpec.nodeName"),
            ),
            column(
                "SignerName",
                value_at("spec", "signerName"),
                doc("certificates.v1.PodCertificateRequestSpec.signerName"),
            ),
            column("State", _state, "Is the request Pending, Issued, Denied, or Failed?"),
            column(
                "UnverifiedUserAnnotations",
                labels_at("spec", "unverifiedUserAnnotations"),
                doc("certificates.v1.PodCertificateRequestSpec.unverifiedUserAnnotations"),
            ),
        ),
        fields={
            **_SIGNER_FIELD,
            "spec.nodeName": text_at("spec", "nodeName"),
            "spec.podName": text_at("spec", "podName"),
        },
        selects_namespace=False,
    ),
)
