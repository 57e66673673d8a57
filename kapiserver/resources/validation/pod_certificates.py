"""Certificates and trust anchors in projected volumes, and the names of who signs them."""

from __future__ import annotations

from collections.abc import Callable

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    invalid,
    required,
    shown,
    too_long,
    unsupported,
)
from kapiserver.resources.names import LABEL_MAX, SUBDOMAIN_MAX, dns1123_label, dns1123_subdomain
from kapiserver.resources.validation.formats import Found, check_domain_prefixed
from kapiserver.resources.validation.internal_pods import TRUST_BUNDLE
from kapiserver.resources.validation.internals import internal
from kapiserver.resources.validation.labels import check_selector
from kapiserver.resources.validation.paths import check_local_path

_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_MIN_SECONDS = 3600
_MAX_SECONDS = 91 * 86400
_MAX_OWN_SECONDS = 86400
_PATHS = ("credentialBundlePath", "keyPath", "certificateChainPath")

# Takes the path of a file in the volume, which no other source may use.
Claim = Callable[[str], None]


def check_bundle(found: Found, part: Object, path: str, claim: Claim) -> None:
    name, signer, selector = part.get("name"), part.get("signerName"), part.get("labelSelector")
    if name is not None and signer is not None:
        found.append(
            invalid(
                path, internal(part, TRUST_BUNDLE), "only one of name and signerName may be used"
            )
        )
    elif name is not None:
        if not name:
            found.append(required(f"{path}.name", "must be a valid object name"))
        signer_of_name = name.rpartition(":")[0].replace(":", "/")
        for problem in bundle_name(name, signer_of_name):
            detail = f"not a valid clustertrustbundlename: {problem}"
            found.append(invalid(f"{path}.name", name, detail))
        if selector is not None:
            detail = "labelSelector must be unset if name is specified"
            found.append(invalid(f"{path}.labelSelector", selector, detail))
    elif signer is not None:
        if not signer:
            found.append(required(f"{path}.signerName", "must be a valid signer name"))
        check_signer(found, signer, f"{path}.signerName")
        check_selector(found, selector, f"{path}.labelSelector")
    else:
        found.append(required(path, "either name or signerName must be specified"))
    file = part.get("path", "")
    if not file:
        found.append(required(f"{path}.path"))
    check_local_path(found, file, f"{path}.path")
    claim(file)


def check_certificate(found: Found, part: Object, path: str, claim: Claim) -> None:
    signer, kind = part.get("signerName", ""), part.get("keyType", "")
    check_signer(found, signer, f"{path}.signerName")
    for key in part.get("userAnnotations") or ():
        check_domain_prefixed(found, key, f"{path}.userAnnotations")
    if kind not in _KEY_TYPES:
        found.append(unsupported(f"{path}.keyType", kind, _KEY_TYPES))
    seconds = part.get("maxExpirationSeconds")
    if seconds is not None:
        here = f"{path}.maxExpirationSeconds"
        if seconds < _MIN_SECONDS:
            detail = f"if provided, maxExpirationSeconds must be >= {_MIN_SECONDS}"
            found.append(invalid(here, seconds, detail))
        most = _MAX_OWN_SECONDS if _is_own_signer(signer) else _MAX_SECONDS
        if seconds > most:
            detail = f"if provided, maxExpirationSeconds must be <= {most}"
            found.append(invalid(here, seconds, detail))
    for field in _PATHS:
        if file := part.get(field):
            check_local_path(found, file, f"{path}.{field}")
            claim(file)
    if not any(part.get(field) for field in _PATHS):
        detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        found.append(required(path, detail))


def _is_own_signer(name: str) -> bool:
    host = name.partition("/")[0]
    return host == "kubernetes.io" or host.endswith(".kubernetes.io")


def bundle_name(name: str, signer: str) -> list[str]:
    """What is wrong with the name of a bundle of a signer, or of none."""
    if not signer:
        if ":" in name:
            return ['ClusterTrustBundle without signer name must not have ":" in its name']
        return dns1123_subdomain(name)
    prefix = f"{signer.replace('/', ':')}:"
    if not name.startswith(prefix):
        return [f"ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"]
    return dns1123_subdomain(name.removeprefix(prefix))


def check_signer(found: Found, name: str, path: str) -> None:
    if not name:
        found.append(required(path))
        return
    if name.count("/") != 1:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        found.append(invalid(path, name, detail))
        return
    host, rest = name.split("/")
    if len(host) > SUBDOMAIN_MAX:
        found.append(too_long(path, SUBDOMAIN_MAX))
    labels = host.split(".")
    _check_labels(found, labels, host, path, dns1123_label)
    if len(labels) < 2:
        detail = "should be a domain with at least two segments separated by dots"
        found.append(invalid(path, host, detail))
    _check_labels(found, rest.split("."), rest, path, dns1123_subdomain)
    longest = SUBDOMAIN_MAX + 1 + SUBDOMAIN_MAX + LABEL_MAX + 1
    if len(name) > longest:
        found.append(too_long(path, longest))


def _check_labels(
    found: Found, labels: list[str], value: str, path: str, rule: Callable[[str], list[str]]
) -> None:
    """The first bad label says enough."""
    for label in labels:
        if problems := rule(label):
            for problem in problems:
                detail = f"validating label {shown(label)}: {problem}"
                found.append(invalid(path, value, detail))
            return
