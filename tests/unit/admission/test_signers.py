"""Who acts for a signer needs the right to."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kapiserver.admission.chain import CREATE, UPDATE, Attributes
from kapiserver.admission.plugin import AdmissionSettings, Known
from kapiserver.admission.plugins import make_chain
from kapiserver.authz.authorizer import NO_OPINION, Decision, Verdict
from kapiserver.authz.authorizer import Attributes as Question
from kapiserver.authz.rules import Rules
from kapiserver.errors import Forbidden
from kapiserver.request import UserInfo
from kapiserver.resources.registry import builtin_registry
from kapiserver.storage import ObjectStore

REGISTRY = builtin_registry()
GROUP = "certificates.k8s.io"
REQUESTS = "certificatesigningrequests"
SIGNER = "example.com/web"


class Granted:
    """Who may do what for which signers."""

    def __init__(self, *granted: tuple[str, str]) -> None:
        self._granted = granted

    def authorize(self, attributes: Question) -> Verdict:
        asked = (attributes.group, attributes.resource, attributes.resource_request)
        assert asked == (GROUP, "signers", True)
        if (attributes.verb, attributes.name) in self._granted:
            return Decision.ALLOW, ""
        return NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        return Rules()


def nothing_stored(group: str, plural: str) -> ObjectStore:
    raise AssertionError(f"{plural} of {group} are not needed for this")


CHAIN = make_chain(Known(nothing_stored, AdmissionSettings(disable=("NamespaceLifecycle",))))


def request(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "spec": {"signerName": SIGNER}, "status": status}


def bundle(certificates: str, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "a", **metadata},
        "spec": {"signerName": SIGNER, "trustBundle": certificates},
    }


async def refusal(
    plural: str,
    new: dict[str, Any],
    old: dict[str, Any] | None,
    subresource: str,
    *granted: tuple[str, str],
) -> str:
    definition = REGISTRY.resource(GROUP, plural)
    assert definition is not None
    operation = CREATE if old is None else UPDATE
    attributes = Attributes(
        operation,
        definition,
        "v1",
        "",
        "a",
        subresource,
        UserInfo("jane"),
        False,
        new,
        old,
        Granted(*granted),
    )
    await CHAIN.mutate(attributes)
    try:
        await CHAIN.validate(attributes)
    except Forbidden as error:
        return error.message
    return ""


FOR_REQUEST = f'{REQUESTS}.{GROUP} "a" is forbidden: user not permitted to'
ISSUED = request(certificate="eA==")
DENIED = request(conditions=[{"type": "Denied", "status": "True"}])
CASES = [
    (REQUESTS, "approval", DENIED, request(), "approve", f"{FOR_REQUEST} approve requests with "),
    (REQUESTS, "status", ISSUED, request(), "sign", f"{FOR_REQUEST} sign requests with "),
    (REQUESTS, "status", DENIED, request(), "sign", f"{FOR_REQUEST} sign requests with "),
    (
        "clustertrustbundles",
        "",
        bundle("x"),
        None,
        "attest",
        f'clustertrustbundles.{GROUP} "a" is forbidden: user not permitted to attest for ',
    ),
    (
        "clustertrustbundles",
        "",
        bundle("x"),
        bundle("y"),
        "attest",
        f'clustertrustbundles.{GROUP} "a" is forbidden: user not permitted to attest for ',
    ),
]


@pytest.mark.parametrize(("plural", "subresource", "new", "old", "verb", "why"), CASES)
async def test_acting_for_a_signer_needs_the_right_to(
    plural: str, subresource: str, new: Any, old: Any, verb: str, why: str
) -> None:
    expected = f'{why}signerName "{SIGNER}"'
    others = [("approve", "example.com/other"), ("sign", "*"), ("attest", "example.org/*")]
    assert await refusal(plural, new, old, subresource, *others) == expected
    for name in (SIGNER, "example.com/*"):
        assert not await refusal(plural, new, old, subresource, (verb, name))


UNTOUCHED = [
    (REQUESTS, "status", ISSUED, ISSUED),
    (REQUESTS, "", ISSUED, request()),
    ("clustertrustbundles", "", bundle("x", finalizers=["a/b"]), bundle("x")),
]


@pytest.mark.parametrize(("plural", "subresource", "new", "old"), UNTOUCHED)
async def test_what_says_nothing_for_the_signer_is_free(
    plural: str, subresource: str, new: Any, old: Any
) -> None:
    assert not await refusal(plural, new, old, subresource)


SIGNED_FOR = [
    ("kubernetes.io/kube-apiserver-client", "system:masters", True),
    ("kubernetes.io/kube-apiserver-client", "developers", False),
    ("example.com/web", "system:masters", False),
]


@pytest.mark.parametrize(("signer", "group", "refused"), SIGNED_FOR)
async def test_nobody_becomes_a_master_by_request(signer: str, group: str, refused: bool) -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "jane"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, group),
        ]
    )
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = builder.sign(key, None).public_bytes(encoding=Encoding.PEM)
    new = request()
    new["spec"] = {"signerName": signer, "request": base64.b64encode(pem).decode()}
    expected = (
        f'{REQUESTS}.{GROUP} "a" is forbidden: use of kubernetes.io/kube-apiserver-client signer '
        "with system:masters group is not allowed"
    )
    assert await refusal(REQUESTS, new, None, "") == (expected if refused else "")
