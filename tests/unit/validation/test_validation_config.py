"""ConfigMaps, Secrets and ServiceAccounts that make no sense, and what of them may not change."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from validation_cases import changed, refused, strategy, update_refused, warned
from validation_cases import context as told

from kapiserver.resources.definition import Object

FROZEN = "Forbidden: field is immutable when `immutable` is set"
KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
CONFIG: Object = {"metadata": {"name": "c"}, "data": {"a": "1"}}


def test_keys_of_a_config_map() -> None:
    data = {"a b": "1", "..x": "2", "same": "3"}
    obj = {**CONFIG, "data": data, "binaryData": {"same": "AA==", "..": "AA=="}}
    assert refused("configmaps", obj) == [
        ("data[a b]", f'Invalid value: "a b": {KEY}'),
        ("data[..x]", "Invalid value: \"..x\": must not start with '..'"),
        ("data[same]", 'Invalid value: "same": duplicate of key present in binaryData'),
        ("binaryData[..]", "Invalid value: \"..\": must not be '..'"),
    ]
    large = {**CONFIG, "data": {"a": "x" * (1 << 20)}, "binaryData": {"b": "AA=="}}
    assert refused("configmaps", large) == [("[]", "Too long: may not be more than 1048576 bytes")]


def test_an_immutable_config_map_stays() -> None:
    old = {**CONFIG, "immutable": True}
    new = {**CONFIG, "data": {"a": "2"}, "binaryData": {"b": "AA=="}}
    assert update_refused("configmaps", old, new) == [
        ("immutable", FROZEN),
        ("data", FROZEN),
        ("binaryData", FROZEN),
    ]
    assert update_refused("configmaps", old, changed(old, "metadata.labels", {"a": "b"})) == []


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(kind: str, **data: str) -> Object:
    named = {key.replace("__", "-").replace("_", "."): encoded(text) for key, text in data.items()}
    return {"metadata": {"name": "s"}, "type": f"kubernetes.io/{kind}", "data": named}


TYPED: list[tuple[Object, list[tuple[str, str]]]] = [
    (
        secret("service-account-token"),
        [("metadata.annotations[kubernetes.io/service-account.name]", "Required value")],
    ),
    (secret("dockercfg"), [("data[.dockercfg]", "Required value")]),
    (
        secret("dockercfg", _dockercfg="{"),
        [
            (
                "data[.dockercfg]",
                'Invalid value: "<secret contents redacted>": unexpected end of JSON input',
            )
        ],
    ),
    (
        secret("dockerconfigjson", _dockerconfigjson="x"),
        [
            (
                "data[.dockerconfigjson]",
                "Invalid value: \"<secret contents redacted>\": invalid character 'x' looking for "
                "beginning of value",
            )
        ],
    ),
    (
        secret("dockerconfigjson", _dockerconfigjson="[]"),
        [
            (
                "data[.dockerconfigjson]",
                'Invalid value: "<secret contents redacted>": json: cannot unmarshal array into '
                "Go value of type map[string]interface {}",
            )
        ],
    ),
    (secret("dockerconfigjson", _dockerconfigjson="{}"), []),
    (
        secret("basic-auth"),
        [("data[username]", "Required value"), ("data[password]", "Required value")],
    ),
    (secret("basic-auth", username=""), []),
    (secret("ssh-auth", ssh__privatekey=""), [("data[ssh-privatekey]", "Required value")]),
    (secret("tls", tls_crt=""), [("data[tls.key]", "Required value")]),
]


@pytest.mark.parametrize(("obj", "causes"), TYPED)
def test_a_typed_secret(obj: Object, causes: list[tuple[str, str]]) -> None:
    assert refused("secrets", obj) == causes


def test_a_secret_keeps_its_type_and_an_immutable_one_its_data() -> None:
    old = {**secret("tls", tls_crt="", tls_key=""), "immutable": True}
    new = {**old, "type": "", "data": {}}
    assert update_refused("secrets", old, new) == [
        ("type", 'Invalid value: "Opaque": field is immutable'),
        ("data", FROZEN),
    ]


def pair() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def test_a_pair_that_does_not_fit_is_told() -> None:
    certificate, key = pair()
    cases: list[tuple[str, str, list[str]]] = [
        (certificate, key, []),
        (certificate, pair()[1], ["tls: private key does not match public key"]),
        ("x", key, ["tls: failed to find any PEM data in certificate input"]),
        (certificate, "x", ["tls: failed to find any PEM data in key input"]),
        (
            key,
            certificate,
            [
                "tls: failed to find certificate PEM data in certificate input, but did find a "
                "private key; PEM inputs may have been switched"
            ],
        ),
        (
            certificate,
            certificate,
            ["tls: found a certificate rather than a key in the PEM for the private key"],
        ),
    ]
    for first, second, told_of in cases:
        assert warned("secrets", secret("tls", tls_crt=first, tls_key=second)) == told_of


def test_an_account_names_its_secrets_and_no_more() -> None:
    hooks: Any = strategy("serviceaccounts")
    obj: Object = {
        "metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}},
        "secrets": [{"name": "a", "namespace": "b", "kind": "Secret"}, {"uid": "x"}],
    }
    hooks.prepare_for_create(obj, told())
    assert obj["secrets"] == [{"name": "a"}, {}]
    assert list(hooks.warnings(obj, told())) == [
        "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; "
        "prefer separate namespaces to isolate access to mounted secrets"
    ]
    assert list(hooks.warnings(obj, told(obj))) == []
