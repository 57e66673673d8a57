"""CertificateApproval, CertificateSigning, ClusterTrustBundleAttest and
CertificateSubjectRestriction: who acts for a signer needs the right to, and nobody becomes a member
of system:masters by a certificate that they ask for.

The right is a verb (approve, sign, attest) on the resource `signers`, under the signer's name or
under its domain (`example.com/*`).
"""

from __future__ import annotations

import base64
import binascii

from cryptography import x509
from cryptography.x509.oid import NameOID

from kapiserver.admission.chain import CREATE, UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, forbidden, object_of, old_of
from kapiserver.authz.authorizer import Attributes as Question
from kapiserver.authz.authorizer import Decision
from kapiserver.resources.definition import Object

GROUP = "certificates.k8s.io"
REQUESTS = f"certificatesigningrequests.{GROUP}"
CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"
MASTERS = "system:masters"


class CertificateApproval:
    def __init__(self, known: Known) -> None:
        pass

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.VALIDATE, (UPDATE,), (f"{REQUESTS}/approval",), self._check),)

    async def _check(self, attributes: Attributes) -> None:
        signer = _signer(old_of(attributes))
        if not _may(attributes, "approve", signer):
            why = f'user not permitted to approve requests with signerName "{signer}"'
            raise forbidden(attributes, why)


class CertificateSigning:
    def __init__(self, known: Known) -> None:
        pass

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.VALIDATE, (UPDATE,), (f"{REQUESTS}/status",), self._check),)

    async def _check(self, attributes: Attributes) -> None:
        old = old_of(attributes)
        before, after = old.get("status") or {}, object_of(attributes).get("status") or {}
        if all((before.get(f) or None) == (after.get(f) or None) for f in _SIGNERS_FIELDS):
            return
        signer = _signer(old)
        if not _may(attributes, "sign", signer):
            why = f'user not permitted to sign requests with signerName "{signer}"'
            raise forbidden(attributes, why)


_SIGNERS_FIELDS = ("certificate", "conditions")


class ClusterTrustBundleAttest:
    def __init__(self, known: Known) -> None:
        pass

    def rules(self) -> tuple[Rule, ...]:
        bundles = (f"clustertrustbundles.{GROUP}",)
        return (Rule(Phase.VALIDATE, (CREATE, UPDATE), bundles, self._check),)

    async def _check(self, attributes: Attributes) -> None:
        bundle = object_of(attributes)
        signer = _signer(bundle)
        if not signer or (attributes.operation == UPDATE and _same(bundle, old_of(attributes))):
            return
        if not _may(attributes, "attest", signer):
            raise forbidden(attributes, f'user not permitted to attest for signerName "{signer}"')


class CertificateSubjectRestriction:
    def __init__(self, known: Known) -> None:
        pass

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.VALIDATE, (CREATE,), (REQUESTS,), self._check),)

    async def _check(self, attributes: Attributes) -> None:
        request = object_of(attributes)
        if _signer(request) != CLIENT_SIGNER:
            return
        if MASTERS in _organizations(attributes, request["spec"].get("request", "")):
            raise forbidden(
                attributes, f"use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed"
            )


def _signer(obj: Object) -> str:
    return str((obj.get("spec") or {}).get("signerName", ""))


def _may(attributes: Attributes, verb: str, signer: str) -> bool:
    authorizer = attributes.authorizer
    if authorizer is None:
        return True
    domain = signer.partition("/")[0]
    for name in (signer, f"{domain}/*"):
        asked = Question(attributes.user, verb, True, "", GROUP, "*", resource="signers", name=name)
        if authorizer.authorize(asked)[0] is Decision.ALLOW:
            return True
    return False


# What the garbage collector and migrations may change without speaking for the signer.
_FREE = ("ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation")


def _same(bundle: Object, old: Object) -> bool:
    def counted(obj: Object) -> Object:
        metadata = {key: value for key, value in obj["metadata"].items() if key not in _FREE}
        return {**obj, "metadata": metadata}

    return counted(bundle) == counted(old)


def _organizations(attributes: Attributes, request: str) -> list[str]:
    try:
        parsed = x509.load_pem_x509_csr(base64.b64decode(request))
    except (ValueError, binascii.Error) as error:
        raise forbidden(attributes, f"failed to parse CSR: {error}") from error
    found = parsed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [str(attribute.value) for attribute in found]
