"""Service account tokens: times, and which keys may have signed them. (What they depend on in the
cluster: tests/component/api/test_service_account_tokens.py.)"""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kapiserver.authn.bearer import TokenRefused
from kapiserver.authn.claims import Account, Bound, Claims, Reference, claims_of
from kapiserver.authn.service_accounts import ServiceAccountTokens, StoredObjects
from kapiserver.pki import Authority, PkiError, SigningKey, signing_key, verifying_keys
from kapiserver.storage import ObjectStore

ISSUERS = ("https://new.example", "https://old.example")
ROBOT = Account("default", "robot", "uid-1")
EXPIRED = "service account token has expired"


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def public_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


KEYS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}


def tokens(
    signing: SigningKey, *more: bytes, issuers: tuple[str, ...] = ISSUERS
) -> ServiceAccountTokens:
    def no_objects(plural: str) -> ObjectStore:
        raise AssertionError(f"{plural} are not asked for before the token is found good")

    async def settle() -> None:
        raise AssertionError("there is nothing to wait for")

    verifying = [signing.public, *(key for text in more for key in verifying_keys(text))]
    return ServiceAccountTokens(
        signing, verifying, issuers, ("us",), StoredObjects(no_objects, settle)
    )


def issued(maker: ServiceAccountTokens, since: float = 0.0, seconds: int = 3600) -> bytes:
    """A token of `since` seconds ago."""
    now = int(time.time() - since)
    return maker.issue(ROBOT, Bound(), ["us"], now=now, seconds=seconds).encode()


def refusal(checker: ServiceAccountTokens, token: bytes) -> str:
    with pytest.raises(TokenRefused) as caught:
        checker.authenticate_token(token, None)
    return str(caught.value)


@pytest.mark.parametrize("algorithm", KEYS)
def test_any_key_that_kube_apiserver_takes_can_sign(algorithm: str) -> None:
    signing = signing_key(pem(KEYS[algorithm]))
    assert signing.public.algorithm == algorithm
    maker = tokens(signing)
    # it came as far as the times: the signature is good
    assert refusal(maker, issued(maker, since=4000)) == EXPIRED
    (same,) = verifying_keys(public_pem(KEYS[algorithm]))
    assert same.kid == signing.public.kid
    jwk = same.jwk()
    assert (jwk["use"], jwk["kid"], jwk["alg"]) == ("sig", same.kid, algorithm)
    assert not {"d", "p", "q"} & set(jwk)


def test_clocks_may_differ_by_a_minute() -> None:
    maker = tokens(signing_key(pem(KEYS["ES256"])))
    assert refusal(maker, issued(maker, since=3600 + 70)) == EXPIRED
    assert refusal(maker, issued(maker, since=-70)) == "service account token is not valid yet"
    for since in (3600 + 50, -50):
        with pytest.raises(AssertionError, match="serviceaccounts are not asked for"):
            maker.authenticate_token(issued(maker, since=since), None)


def test_an_old_key_is_good_for_old_tokens() -> None:
    old = tokens(signing_key(pem(KEYS["RS256"])), issuers=(ISSUERS[1],))
    token = issued(old, since=4000)
    new = tokens(signing_key(pem(KEYS["ES256"])), public_pem(KEYS["RS256"]))
    assert refusal(new, token) == EXPIRED
    forgetful = tokens(signing_key(pem(KEYS["ES256"])))
    assert refusal(forgetful, token) == "invalid signature, no keys found"


def test_another_issuers_token_is_none_of_our_business() -> None:
    other = tokens(signing_key(pem(KEYS["ES256"])), issuers=("https://elsewhere.example",))
    assert tokens(signing_key(pem(KEYS["ES256"]))).authenticate_token(issued(other), None) is None


def test_a_file_may_have_several_keys_of_several_kinds() -> None:
    certificate = Authority.create().certificate_pem
    text = public_pem(KEYS["RS256"]) + pem(KEYS["ES384"]) + certificate
    assert [key.algorithm for key in verifying_keys(text)] == ["RS256", "ES384", "ES256"]


def test_files_without_keys_are_refused() -> None:
    with pytest.raises(PkiError, match="does not contain any valid"):
        verifying_keys(b"nothing")
    with pytest.raises(PkiError):
        signing_key(b"nothing")
    with pytest.raises(PkiError, match="must be 256, 384, or 521"):
        signing_key(pem(ec.generate_private_key(ec.SECP256K1())))


def test_claims_of_strange_shapes_are_refused() -> None:
    for payload in (
        {"kubernetes.io": []},
        {"kubernetes.io": {"namespace": 1}},
        {"kubernetes.io": {"serviceaccount": "x"}},
        {"aud": {"a": 1}},
        {"exp": "soon"},
        {"jti": 7},
    ):
        with pytest.raises(ValueError, match=r"claim|reference|time"):
            claims_of(payload)


def test_a_pods_node_without_uid_is_named_all_the_same() -> None:
    bound = Bound(pod=Reference("p", "u"), node=Reference("n"))
    assert Claims(ROBOT, bound, ("us",)).user().extra == {
        "authentication.kubernetes.io/node-name": ("n",),
        "authentication.kubernetes.io/pod-name": ("p",),
        "authentication.kubernetes.io/pod-uid": ("u",),
    }
