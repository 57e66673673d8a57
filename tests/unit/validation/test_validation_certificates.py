"""Requests for certificates, decisions about them, and bundles of trust."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from validation_cases import (
    Cases,
    changed,
    context,
    created,
    refused,
    stored,
    strategy,
    update_refused,
)

from kapiserver.resources.definition import Object
from kapiserver.resources.validation.pem import Block, pem_blocks
from kapiserver.resources.validation.tls_pairs import pair_problem

REQUESTS = "certificatesigningrequests.certificates.k8s.io"
BUNDLES = "clustertrustbundles.certificates.k8s.io"
POD_REQUESTS = "podcertificaterequests.certificates.k8s.io"
MUTUAL = "Approved and Denied conditions are mutually exclusive"

KEY = ed25519.Ed25519PrivateKey.generate()
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "jane")])
CSR = x509.CertificateSigningRequestBuilder().subject_name(NAME).sign(KEY, None)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def certificate(*, ca: bool) -> x509.Certificate:
    start = now()
    builder = x509.CertificateBuilder(NAME, NAME, KEY.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(hours=2))
    constraints = x509.BasicConstraints(ca=ca, path_length=None)
    return builder.add_extension(constraints, critical=True).sign(KEY, None)


def pem(thing: Any) -> str:
    return str(thing.public_bytes(Encoding.PEM).decode())


def pem_block(kind: str, data: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{encoded(data)}\n-----END {kind}-----\n"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


LEAF, ROOT = pem(certificate(ca=False)), pem(certificate(ca=True))
ISSUED = encoded(LEAF.encode())
REQUEST: Object = {
    "metadata": {"name": "jane"},
    "spec": {
        "request": encoded(pem(CSR).encode()),
        "signerName": "example.com/users",
        "usages": ["client auth"],
    },
}
BUNDLE: Object = {
    "metadata": {"name": "example.com:users:v1"},
    "spec": {"signerName": "example.com/users", "trustBundle": ROOT},
}
POD_REQUEST: Object = {
    "metadata": {"name": "web"},
    "spec": {
        "signerName": "example.com/pods",
        **{f"{owner}Name": "web" for owner in ("pod", "serviceAccount", "node")},
        **{f"{owner}UID": "u-1" for owner in ("pod", "serviceAccount", "node")},
        "stubPKCS10Request": encoded(CSR.public_bytes(Encoding.DER)),
    },
}


def after(resource: str, old: Object, new: Object, subresource: str = "") -> Object:
    made = changed(new, "metadata", new["metadata"])
    hook = strategy(resource).prepare_for_update
    assert hook is not None
    hook(made, context(old, subresource))
    return made


REQUEST_CASES: Cases = [
    (
        "request",
        "YWJj",
        [
            (
                "spec.request",
                'Invalid value: "YWJj": PEM block type must be CERTIFICATE REQUEST',
            )
        ],
    ),
    ("usages", [], [("spec.usages", "Required value")]),
    (
        "usages",
        ["client auth", "client auth"],
        [("spec.usages[1]", 'Duplicate value: "client auth"')],
    ),
    (
        "signerName",
        "kubernetes.io/legacy-unknown",
        [
            (
                "spec.signerName",
                'Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not '
                "allowed via this API version",
            )
        ],
    ),
    (
        "signerName",
        "me",
        [
            (
                "spec.signerName",
                'Invalid value: "me": must be a fully qualified domain and path of the form '
                "'example.com/signer-name'",
            )
        ],
    ),
    (
        "expirationSeconds",
        599,
        [
            (
                "spec.expirationSeconds",
                "Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
            )
        ],
    ),
]


@pytest.mark.parametrize(("field", "value", "causes"), REQUEST_CASES)
def test_a_request(field: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(REQUESTS, changed(REQUEST, f"spec.{field}", value)) == causes


def test_a_request_with_a_use_that_nobody_knows() -> None:
    [(field, message)] = refused(REQUESTS, changed(REQUEST, "spec.usages", ["client auth", "fun"]))
    assert field == "spec.usages[1]"
    assert message.startswith('Unsupported value: "fun": supported values: "any", "cert sign", ')


def test_a_request_says_who_asked_and_decides_nothing() -> None:
    sent = changed(REQUEST, "spec.username", "root")
    made = stored(REQUESTS, {**sent, "status": {"conditions": [{"type": "Approved"}]}})
    assert made["spec"]["username"] == "jane"
    assert made["status"] == {}


def test_decisions_are_made_through_approval_and_stay() -> None:
    old = stored(REQUESTS, REQUEST)
    approval = {"type": "Approved", "status": "True", "reason": "Fine"}
    wanted = changed(old, "status.conditions", [approval])
    assert update_refused(REQUESTS, old, wanted, "status") == [
        ("status.conditions", 'Forbidden: updates may not add a condition of type "Approved"')
    ]
    assert update_refused(REQUESTS, old, wanted, "approval") == []
    approved = after(REQUESTS, old, wanted, "approval")
    [condition] = approved["status"]["conditions"]
    assert condition["lastUpdateTime"]
    assert condition["lastTransitionTime"]
    none = changed(approved, "status.conditions", [])
    assert update_refused(REQUESTS, approved, none, "approval") == [
        ("status.conditions", 'Forbidden: updates may not remove a condition of type "Approved"')
    ]
    both = changed(approved, "status.conditions", [condition, {"type": "Denied", "status": "No"}])
    assert update_refused(REQUESTS, approved, both, "approval") == [
        (
            "status.conditions[1].status",
            'Unsupported value: "No": supported values: "True"',
        ),
        ("status.conditions", f'Invalid value: "Denied": {MUTUAL}'),
    ]


def test_a_certificate_comes_through_status_once() -> None:
    old = stored(REQUESTS, REQUEST)
    signed = changed(old, "status.certificate", ISSUED)
    assert after(REQUESTS, old, signed)["status"] == {}
    assert "certificate" not in after(REQUESTS, old, signed, "approval")["status"]
    assert update_refused(REQUESTS, old, signed, "status") == []
    assert update_refused(
        REQUESTS, signed, changed(signed, "status.certificate", encoded(b"x")), "status"
    ) == [
        (
            "status.certificate",
            'Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
        ),
        (
            "status.certificate",
            "Forbidden: updates may not modify existing certificate content",
        ),
    ]


def test_blocks_with_several_certificates_or_with_none() -> None:
    old = stored(REQUESTS, REQUEST)
    der = [certificate(ca=ca).public_bytes(Encoding.DER) for ca in (True, False)]
    for body, problem in (
        (b"".join(der), ""),
        (b"", "found CERTIFICATE PEM block containing 0 certificates"),
        (der[0] + b"\x30\x01", "x509: malformed certificate"),
        (der[0][:-1], "x509: malformed certificate"),
        (bytes(700_000), "x509: malformed certificate"),  # many values of two bytes
    ):
        block = pem_block("CERTIFICATE", body)
        new = changed(old, "status.certificate", encoded(block.encode()))
        shown = f'Invalid value: "<certificate data>": {problem}'
        expected = [("status.certificate", shown)] if problem else []
        assert update_refused(REQUESTS, old, new, "status") == expected


def test_a_bundle_is_named_after_its_signer() -> None:
    assert refused(BUNDLES, BUNDLE) == []
    assert refused(BUNDLES, changed(BUNDLE, "metadata.name", "mine")) == [
        (
            "metadata.name",
            'Invalid value: "mine": ClusterTrustBundle for signerName example.com/users must be '
            "named with prefix example.com:users:",
        )
    ]
    assert refused(BUNDLES, changed(BUNDLE, "spec.signerName", None)) == [
        (
            "metadata.name",
            'Invalid value: "example.com:users:v1": ClusterTrustBundle without signer name must '
            'not have ":" in its name',
        )
    ]


@pytest.mark.parametrize(
    ("bundle", "problem"),
    [
        ("", "at least one trust anchor must be provided"),
        (LEAF, "entry 0 does not have the CA bit set"),
        (ROOT + ROOT, "duplicate trust anchor (indices [0 1])"),
        (pem(CSR), "entry 0 has bad block type: CERTIFICATE REQUEST"),
    ],
)
def test_what_a_bundle_trusts(bundle: str, problem: str) -> None:
    assert refused(BUNDLES, changed(BUNDLE, "spec.trustBundle", bundle)) == [
        ("spec.trustBundle", f'Invalid value: "<value omitted>": {problem}')
    ]


def test_the_request_of_a_pod() -> None:
    made, findings = created(POD_REQUESTS, POD_REQUEST)
    assert findings == []
    assert made["spec"]["maxExpirationSeconds"] == 86400
    ours = changed(POD_REQUEST, "spec.signerName", "kubernetes.io/pods")
    ours = changed(changed(ours, "spec.maxExpirationSeconds", 86401), "spec.podUID", "")
    assert refused(POD_REQUESTS, ours) == [
        ("spec.podUID", 'Invalid value: "": must not be empty'),
        (
            "spec.maxExpirationSeconds",
            "Invalid value: 86401: must be in the range [3600, 86400]",
        ),
    ]
    [(field, message)] = update_refused(POD_REQUESTS, made, changed(made, "spec.podName", "other"))
    assert field == "spec"
    assert message.endswith("field is immutable")


def test_the_answer_to_a_pod() -> None:
    old = stored(POD_REQUESTS, POD_REQUEST)
    leaf = certificate(ca=False)
    times = {
        "notBefore": leaf.not_valid_before_utc,
        "notAfter": leaf.not_valid_after_utc,
        "beginRefreshAt": leaf.not_valid_before_utc + timedelta(hours=1),
    }
    issued = {
        "conditions": [{"type": "Issued", "status": "True", "reason": "Fine", "message": ""}],
        "certificateChain": pem(leaf),
        **{field: at.strftime("%Y-%m-%dT%H:%M:%SZ") for field, at in times.items()},
    }
    assert update_refused(POD_REQUESTS, old, changed(old, "status", issued), "status") == []
    late = changed(old, "status", {**issued, "beginRefreshAt": issued["notAfter"]})
    assert update_refused(POD_REQUESTS, old, late, "status") == [
        (
            "status.beginRefreshAt",
            f'Invalid value: "{issued["notAfter"]}": must be at least 10 minutes before '
            "status.notAfter",
        )
    ]
    undecided = changed(old, "status", {"certificateChain": LEAF})
    assert update_refused(POD_REQUESTS, old, undecided, "status") == [
        (
            "status",
            "Invalid value: status is immutable unless transitioning to "
            '"Issued", "Denied", or "Failed"',
        )
    ]


def test_what_cannot_be_read_is_refused() -> None:
    """Versions that no certificate has, and keys of kinds that nobody knows."""
    csr, root = CSR.public_bytes(Encoding.DER), certificate(ca=True).public_bytes(Encoding.DER)
    ed25519_oid, unknown_oid = b"\x06\x03\x2b\x65\x70", b"\x06\x03\x2b\x65\x7f"
    for odd in (csr.replace(b"\x02\x01\x00", b"\x02\x01\x4e", 1), csr[:-1]):
        block = pem_block("CERTIFICATE REQUEST", odd)
        [(_, message)] = refused(
            REQUESTS, changed(REQUEST, "spec.request", encoded(block.encode()))
        )
        assert message.endswith("asn1: structure error: not a certificate request")
        [(_, message)] = refused(
            POD_REQUESTS, changed(POD_REQUEST, "spec.stubPKCS10Request", encoded(odd))
        )
        assert message.endswith(
            "must be a valid DER-serialized PKCS#10 certificate signing request"
        )
    odd = root.replace(b"\x02\x01\x02", b"\x02\x01\x4e", 1)
    block = pem_block("CERTIFICATE", odd)
    assert refused(BUNDLES, changed(BUNDLE, "spec.trustBundle", block)) == [
        ("spec.trustBundle", 'Invalid value: "<value omitted>": entry 0 does not parse as X.509')
    ]
    assert pair_problem(block.encode(), b"") == "tls: failed to find any PEM data in key input"
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert pair_problem(block.encode(), private) == "x509: malformed certificate"
    odd = root.replace(ed25519_oid, unknown_oid)
    block = pem_block("CERTIFICATE", odd)
    assert pair_problem(block.encode(), private) == "tls: unknown public key algorithm"


def test_blocks_of_pem_are_found_between_anything() -> None:
    body = base64.encodebytes(b"hello").decode()
    good = f"-----BEGIN A-----\n{body}-----END A-----\n"
    other = f"-----BEGIN B-----\nProc-Type: 4\n\n{body}-----END B-----"
    broken = f"-----BEGIN C-----\n{body}-----END D-----\n-----BEGIN E-----\n*\n-----END E-----\n"
    blocks = list(pem_blocks(f"text\n{good}{broken}-----BEGIN F-----\n{other}".encode()))
    assert blocks == [Block("A", False, b"hello"), Block("B", True, b"hello")]
