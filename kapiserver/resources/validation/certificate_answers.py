"""Requests that kubelets make for certificates of pods, and what signers answer.

The clock enters as an argument: a certificate that is handed in must begin about now.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    immutable,
    invalid,
    required,
    too_long,
    unsupported,
    wrong,
)
from kapiserver.resources.validation.certificates import (
    certificate_of,
    public_key_of,
    request_of,
    same_key,
)
from kapiserver.resources.validation.conditions import check_conditions, is_true
from kapiserver.resources.validation.formats import Found, check_subdomain
from kapiserver.resources.validation.internals import Field, Shape, internal, text
from kapiserver.resources.validation.label_syntax import qualified_name
from kapiserver.resources.validation.labels import ANNOTATIONS_LIMIT
from kapiserver.resources.validation.pem import decoded, pem_blocks
from kapiserver.resources.validation.pod_certificates import check_signer
from kapiserver.resources.validation.same import same

DEFAULT_SECONDS = 86400

_MIN_SECONDS = 3600
_MAX_SECONDS = 7862400
_MAX_UID = 128
_MAX_REQUEST = 10 << 10
_MAX_CHAIN = 65536
_OUTCOMES = ("Issued", "Denied", "Failed")
_TIMES = ("notBefore", "notAfter", "beginRefreshAt")
_SKEW = timedelta(minutes=5)
_MARGIN = timedelta(minutes=10)
_CHAIN = "status.certificateChain"
_NOT_BEFORE, _NOT_AFTER, _REFRESH = (f"status.{field}" for field in _TIMES)
_CONSISTENT = "must be present and consistent with the issued certificate"
_ENTIRELY = "issued certificate chain must consist entirely of CERTIFICATE PEM blocks"
_SPEC: Shape = {
    "SignerName": text("signerName"),
    "PodName": text("podName"),
    "PodUID": text("podUID"),
    "ServiceAccountName": text("serviceAccountName"),
    "ServiceAccountUID": text("serviceAccountUID"),
    "NodeName": text("nodeName"),
    "NodeUID": text("nodeUID"),
    "MaxExpirationSeconds": Field("maxExpirationSeconds"),
    "StubPKCS10Request": Field("stubPKCS10Request"),
    "UnverifiedUserAnnotations": Field("unverifiedUserAnnotations"),
}


def check_pod_certificate(found: Found, spec: Object) -> None:
    signer = spec.get("signerName", "")
    check_signer(found, signer, "spec.signerName")
    _check_annotations(found, spec.get("unverifiedUserAnnotations") or {})
    for owner in ("pod", "serviceAccount", "node"):
        check_subdomain(found, spec.get(f"{owner}Name", ""), f"spec.{owner}Name")
        path, uid = f"spec.{owner}UID", spec.get(f"{owner}UID", "")
        if not uid:
            found.append(invalid(path, uid, "must not be empty"))
        if len(uid.encode()) > _MAX_UID:
            found.append(too_long(path, _MAX_UID))
    seconds = spec.get("maxExpirationSeconds")
    if seconds is None:
        found.append(required("spec.maxExpirationSeconds", "must be set"))
        return
    domain = signer.partition("/")[0]
    ours = domain == "kubernetes.io" or domain.endswith(".kubernetes.io")
    longest = DEFAULT_SECONDS if ours else _MAX_SECONDS
    if not _MIN_SECONDS <= seconds <= longest:
        detail = f"must be in the range [{_MIN_SECONDS}, {longest}]"
        found.append(invalid("spec.maxExpirationSeconds", seconds, detail))
    _check_request(found, spec.get("stubPKCS10Request", ""), "spec.stubPKCS10Request")


def check_pod_certificate_stays(found: Found, spec: Object, old: Object) -> None:
    if not same(spec, old):
        found.append(immutable("spec", internal(spec, _SPEC)))


def _check_annotations(found: Found, annotations: Object) -> None:
    path = "spec.unverifiedUserAnnotations"
    for key in annotations:
        if problems := qualified_name(key.lower()):
            found += [invalid(path, key, problem) for problem in problems]
        elif "/" not in key:
            detail = 'must be a domain-prefixed key (such as "acme.io/foo")'
            found.append(invalid(path, key, detail))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > ANNOTATIONS_LIMIT:
        found.append(too_long(path, ANNOTATIONS_LIMIT))


def _check_request(found: Found, encoded: str, path: str) -> None:
    data = decoded(encoded)
    if len(data) > _MAX_REQUEST:
        found.append(too_long(path, _MAX_REQUEST))
        return
    request = request_of(data)
    if request is None:
        detail = "must be a valid DER-serialized PKCS#10 certificate signing request"
        found.append(invalid(path, encoded or None, detail))
        return
    key = request.key
    if not request.is_signed:
        found.append(wrong(path, "could not verify the signature of the request"))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)):
            detail = "elliptic public keys must use curve P256 or P384"
            found.append(invalid(path, f"curve {key.curve.name}", detail))
    elif isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in (3072, 4096):
            detail = "RSA keys must have modulus size 3072 or 4096"
            found.append(invalid(path, f"{key.key_size}-bit modulus", detail))
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        detail = "unknown public key type; supported types are Ed25519, ECDSA, and RSA"
        found.append(invalid(path, encoded, detail))


# -- status ------------------------------------------------------------------------------------


def check_answer(found: Found, obj: Object, old: Object, now: datetime) -> None:
    """Whatever a signer answers, it answers once."""
    status, before = obj.get("status") or {}, old.get("status") or {}
    conditions = status.get("conditions") or ()
    _check_outcomes(found, conditions, "status.conditions")
    check_conditions(found, conditions, "status.conditions")
    if found:
        return
    if any(is_true(old, outcome) for outcome in _OUTCOMES):
        if not same(status, before):
            detail = "immutable after PodCertificateRequest is issued, denied, or failed"
            found.append(wrong("status", detail))
    elif is_true(obj, "Denied") or is_true(obj, "Failed"):
        if any(value for field, value in status.items() if field != "conditions"):
            detail = (
                "non-condition status fields must be empty when denying or failing the "
                "PodCertificateRequest"
            )
            found.append(wrong("status", detail))
    elif is_true(obj, "Issued"):
        found += _issue_problems(obj.get("spec") or {}, status, now)
    elif not same(status, before):
        detail = 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"'
        found.append(wrong("status", detail))


def _check_outcomes(found: Found, conditions: Any, path: str) -> None:
    known = 0
    for position, condition in enumerate(conditions):
        here, kind = f"{path}.[{position}]", condition.get("type", "")
        if kind not in _OUTCOMES:
            found.append(unsupported(f"{here}.type", kind, _OUTCOMES))
            continue
        known += 1
        if known > 1:
            detail = 'There may be at most one condition with type "Issued", "Denied", or "Failed"'
            found.append(invalid(f"{here}.type", kind, detail))
        status = condition.get("status", "")
        if status != "True":
            found.append(unsupported(f"{here}.status", status, ("True",)))


def _issue_problems(spec: Object, status: Object, now: datetime) -> Found:
    """The first thing that is wrong, or all the times that are missing."""
    chain = status.get("certificateChain", "")
    if len(chain.encode()) > _MAX_CHAIN:
        return [too_long(_CHAIN, _MAX_CHAIN)]
    blocks = list(pem_blocks(chain.encode()))
    if not blocks:
        detail = "issued certificate chain must contain at least one certificate"
        return [invalid(_CHAIN, chain, detail)]
    if blocks[0].kind != "CERTIFICATE":
        return [invalid(_CHAIN, chain, _ENTIRELY)]
    leaf = certificate_of(blocks[0].data)
    if leaf is None:
        return [invalid(_CHAIN, chain, "leaf certificate does not parse as valid X.509")]
    if not _is_for(leaf, spec.get("stubPKCS10Request", "")):
        detail = "leaf certificate was not issued to the requested public key"
        return [invalid(_CHAIN, chain, detail)]
    missing = [
        required(f"status.{field}", _REFRESH_RANGE if field == _TIMES[2] else _CONSISTENT)
        for field in _TIMES
        if not status.get(field)
    ]
    if missing:
        return missing
    if problems := _time_problems(leaf, spec, status, now):
        return problems
    for block in blocks[1:]:
        if block.kind != "CERTIFICATE":
            return [invalid(_CHAIN, chain, _ENTIRELY)]
        if certificate_of(block.data) is None:
            detail = "intermediate certificate does not parse as valid X.509"
            return [invalid(_CHAIN, chain, detail)]
    return []


_REFRESH_RANGE = "must be present and in the range [notbefore+10min, notafter-10min]"


def _is_for(leaf: x509.Certificate, encoded: str) -> bool:
    """Whether a certificate is for the key that was asked with."""
    request, key = request_of(decoded(encoded)), public_key_of(leaf)
    return request is not None and key is not None and same_key(key, request.key)


def _time_problems(leaf: x509.Certificate, spec: Object, status: Object, now: datetime) -> Found:
    begin, end, refresh = (datetime.fromisoformat(status[field]) for field in _TIMES)
    shown_begin, shown_end, shown_refresh = (status[field] for field in _TIMES)
    if begin != leaf.not_valid_before_utc:
        detail = "must be set to the NotBefore time encoded in the leaf certificate"
        return [invalid(_NOT_BEFORE, shown_begin, detail)]
    if abs(begin - now) >= _SKEW:
        detail = "must be set to within 5 minutes of kube-apiserver's current time"
        return [invalid(_NOT_BEFORE, shown_begin, detail)]
    if end != leaf.not_valid_after_utc:
        detail = "must be set to the NotAfter time encoded in the leaf certificate"
        return [invalid(_NOT_AFTER, shown_end, detail)]
    lifetime = int((end - begin).total_seconds())
    nanoseconds = lifetime * 10**9
    if lifetime < _MIN_SECONDS:
        return [invalid(_CHAIN, nanoseconds, "leaf certificate lifetime must be >= 1 hour")]
    longest = spec.get("maxExpirationSeconds", DEFAULT_SECONDS)
    if lifetime > longest:
        detail = f"leaf certificate lifetime must be <= spec.maxExpirationSeconds ({longest})"
        return [invalid(_CHAIN, nanoseconds, detail)]
    if refresh < begin + _MARGIN:
        detail = "must be at least 10 minutes after status.notBefore"
        return [invalid(_REFRESH, shown_refresh, detail)]
    if refresh > end - _MARGIN:
        detail = "must be at least 10 minutes before status.notAfter"
        return [invalid(_REFRESH, shown_refresh, detail)]
    return []


def utc_now() -> datetime:
    return datetime.now(UTC)
