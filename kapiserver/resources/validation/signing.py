"""Requests for certificates and bundles of trusted ones, in the words of kube-apiserver.

What Go's ASN.1 parser says of bytes that are no certificate request is not repeated word by word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

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
from kapiserver.resources.validation.certificates import MALFORMED, certificate_of, request_of
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.pem import Block, decoded, pem_blocks
from kapiserver.resources.validation.pod_certificates import bundle_name, check_signer

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
DECISIONS = (APPROVED, DENIED)

_LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_MIN_SECONDS = 600
_STATUSES = ("False", "True", "Unknown")
_CONDITIONS = "status.conditions"
_CERTIFICATE = "status.certificate"
_MAX_BUNDLE = 1 << 20
_LONG_FORM = 0x80  # a length of DER above this says how many bytes the length has
_OMITTED = "<value omitted>"


def check_signing_request(found: Found, obj: Object, old: Object | None) -> None:
    """`old` is what was stored: the faults that it has may stay."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    before = (old or {}).get("spec") or {}
    request = spec.get("request", "")
    if problem := _request_problem(decoded(request)):
        found.append(invalid("spec.request", request or None, problem))
    _check_usages(found, spec.get("usages") or (), before.get("usages") or ())
    signer = spec.get("signerName", "")
    if signer == _LEGACY_SIGNER and before.get("signerName") != _LEGACY_SIGNER:
        detail = "the legacy signerName is not allowed via this API version"
        found.append(invalid("spec.signerName", signer, detail))
    else:
        check_signer(found, signer, "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _MIN_SECONDS:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        found.append(invalid("spec.expirationSeconds", seconds, detail))
    was = ((old or {}).get("status") or {}) if old is not None else {}
    _check_conditions(found, status.get("conditions") or (), was.get("conditions") or ())
    certificate, issued = status.get("certificate", ""), was.get("certificate", "")
    tolerated = old is not None and (certificate == issued or _chain_problem(decoded(issued)))
    if not tolerated and (problem := _chain_problem(decoded(certificate))):
        found.append(invalid(_CERTIFICATE, "<certificate data>", problem))


def check_signing_update(found: Found, obj: Object, old: Object, subresource: str) -> None:
    """Decisions are made through /approval, certificates come through /status, both once."""
    now = (obj.get("status") or {}).get("conditions") or ()
    was = (old.get("status") or {}).get("conditions") or ()
    for kind in (APPROVED, DENIED, FAILED):
        if _count(now, kind) < _count(was, kind):
            detail = f'updates may not remove a condition of type "{kind}"'
            found.append(forbidden(_CONDITIONS, detail))
    for kind in DECISIONS if subresource != "approval" else ():
        if _count(now, kind) > _count(was, kind):
            detail = f'updates may not add a condition of type "{kind}"'
            found.append(forbidden(_CONDITIONS, detail))
    certificate = (obj.get("status") or {}).get("certificate", "")
    issued = (old.get("status") or {}).get("certificate", "")
    if certificate == issued:
        return
    if subresource != "status":
        found.append(forbidden(_CERTIFICATE, "updates may not set certificate content"))
    elif issued:
        detail = "updates may not modify existing certificate content"
        found.append(forbidden(_CERTIFICATE, detail))


def _count(conditions: Iterable[Object], kind: str) -> int:
    return sum(condition.get("type") == kind for condition in conditions)


def _request_problem(text: bytes) -> str:
    block = next(pem_blocks(text), None)
    if block is None or block.kind != "CERTIFICATE REQUEST":
        return "PEM block type must be CERTIFICATE REQUEST"
    return _form_problem(block.data)


def _form_problem(data: bytes) -> str:
    """What is wrong with a PKCS#10 request: its form or its signature."""
    request = request_of(data)
    if request is None:
        return "asn1: structure error: not a certificate request"
    if request.is_signed:
        return ""
    if isinstance(request.key, ec.EllipticCurvePublicKey):
        return "x509: ECDSA verification failure"
    if isinstance(request.key, ed25519.Ed25519PublicKey):
        return "x509: Ed25519 verification failure"
    return "crypto/rsa: verification error"


def _check_usages(found: Found, usages: Any, before: Any) -> None:
    if not usages:
        found.append(required("spec.usages"))
    if all(usage in _USAGES for usage in before):
        found += [
            unsupported(f"spec.usages[{position}]", usage, _USAGES)
            for position, usage in enumerate(usages)
            if usage not in _USAGES
        ]
    seen: set[str] = set()
    tolerant = len(set(before)) < len(before)
    for position, usage in enumerate(usages):
        if usage in seen and not tolerant:
            found.append(duplicate(f"spec.usages[{position}]", usage))
        seen.add(usage)


def _check_conditions(found: Found, conditions: Any, before: Any) -> None:
    was = [condition.get("type", "") for condition in before]
    both = APPROVED in was and DENIED in was
    seen: set[str] = set()
    for position, condition in enumerate(conditions):
        path, kind = f"{_CONDITIONS}[{position}]", condition.get("type", "")
        if not kind and "" not in was:
            found.append(required(f"{path}.type"))
        status = condition.get("status", "")
        allowed = ("True",) if kind in (APPROVED, DENIED, FAILED) else _STATUSES
        if not status:
            found.append(required(f"{path}.status"))
        elif status not in allowed:
            found.append(unsupported(f"{path}.status", status, allowed))
        other = {APPROVED: DENIED, DENIED: APPROVED}.get(kind)
        if not both and other in seen:
            detail = "Approved and Denied conditions are mutually exclusive"
            found.append(invalid(_CONDITIONS, kind, detail))
        if kind in seen and len(set(was)) == len(was):
            found.append(duplicate(f"{path}.type", kind))
        seen.add(kind)


def _chain_problem(text: bytes) -> str:
    if not text:
        return ""
    count = 0
    for block in pem_blocks(text):
        count += 1
        if block.kind != "CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{block.kind}"'
        if block.has_headers:
            return "no PEM block headers are permitted"
        if not block.data:
            return "found CERTIFICATE PEM block containing 0 certificates"
        if any(certificate_of(each) is None for each in _concatenated(block.data)):
            return MALFORMED
    return "" if count else "must contain at least one CERTIFICATE PEM block"


def _concatenated(data: bytes) -> Iterator[bytes]:
    """The DER values that follow each other, as long as their headers say how long they are."""
    at = 0
    while at < len(data):
        size = data[at + 1] if at + 1 < len(data) else 0
        body = at + 2
        if size > _LONG_FORM:
            body += size - _LONG_FORM
            size = int.from_bytes(data[at + 2 : body], "big")
        yield data[at : body + size]
        at = body + size


# -- trust bundles -----------------------------------------------------------------------------


def check_trust_bundle(found: Found, obj: Object, old: Object | None) -> None:
    spec, before = obj.get("spec") or {}, (old or {}).get("spec") or {}
    name, signer = obj.get("metadata", {}).get("name", ""), spec.get("signerName", "")
    if name:
        found += [invalid("metadata.name", name, problem) for problem in bundle_name(name, signer)]
    if signer:
        check_signer(found, signer, "spec.signerName")
    bundle = spec.get("trustBundle", "")
    if old is None or bundle != before.get("trustBundle", ""):
        _check_anchors(found, bundle, "spec.trustBundle")
    if old is not None and signer != before.get("signerName", ""):
        found.append(immutable("spec.signerName", signer))


def _check_anchors(found: Found, bundle: str, path: str) -> None:
    if len(bundle.encode()) > _MAX_BUNDLE:
        found.append(too_long(path, _MAX_BUNDLE))
        return
    places: dict[bytes, list[int]] = {}
    problems = []
    for position, block in enumerate(pem_blocks(bundle.encode())):
        if problem := _anchor_problem(block):
            problems.append(f"entry {position} {problem}")
        else:
            places.setdefault(block.data, []).append(position)
    if not problems and not places:
        problems.append("at least one trust anchor must be provided")
    if not problems:
        problems += [
            f"duplicate trust anchor (indices [{' '.join(map(str, positions))}])"
            for positions in places.values()
            if len(positions) > 1
        ]
    found += [invalid(path, _OMITTED, problem) for problem in problems]


def _anchor_problem(block: Block) -> str:
    if block.kind != "CERTIFICATE":
        return f"has bad block type: {block.kind}"
    if block.has_headers:
        return "has PEM block headers"
    certificate = certificate_of(block.data)
    if certificate is None:
        return "does not parse as X.509"
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "does not have the CA bit set"
    except ValueError:
        return "does not parse as X.509"
    return "" if constraints.ca else "does not have the CA bit set"
