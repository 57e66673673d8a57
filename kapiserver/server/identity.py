"""Who is who on this node: authenticators, service account tokens, and what is served about them.

In: the settings, and the objects that tokens depend on. Out: the parts that the pipeline is put
together from. Files are read once, here; a file at fault is a StartError that names its flag.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from kapiserver.api.openid import joined, openid_handlers
from kapiserver.api.paths import PathHandler
from kapiserver.api.router import Verb
from kapiserver.api.scope import Scopes
from kapiserver.api.token_reviews import token_review_verb
from kapiserver.api.tokens import TokenPolicy, token_verb
from kapiserver.authn.authenticator import Anonymous, Authenticator
from kapiserver.authn.bearer import BearerTokens, TokenAuthenticator
from kapiserver.authn.service_accounts import ServiceAccountTokens, StoredObjects
from kapiserver.authn.tokens import StaticTokens, TokenFileError, read_tokens
from kapiserver.authn.x509 import ClientCertificates
from kapiserver.config import ServerConfig
from kapiserver.histogram import Histogram
from kapiserver.pki import PkiError, read_pem, signing_key, verifying_keys
from kapiserver.server.settings import StartError


@dataclass(frozen=True, slots=True)
class Identity:
    """`authenticators` in the order in which they are asked; the rest is for the router, and
    `certificates`, how long those that are used have to live, for whoever watches them."""

    authenticators: list[Authenticator]
    virtual: dict[str, Verb]
    connect: dict[tuple[str, str], Verb] = field(default_factory=dict)
    paths: dict[str, PathHandler] = field(default_factory=dict)
    certificates: Histogram | None = None


def identity_of(config: ServerConfig, scopes: Scopes) -> Identity:
    """Raises StartError. Without a signing key there are no service account tokens."""
    kinds: list[TokenAuthenticator] = []
    if config.token_auth_file is not None:
        kinds.append(_static_tokens(config.token_auth_file, audiences_of(config)))
    tokens = service_account_tokens(config, scopes)
    if tokens is not None:
        kinds.append(tokens)
    bearer = BearerTokens(kinds)
    authenticators: list[Authenticator] = []
    lifetimes = None
    if config.client_ca_file is not None:
        certificates = _client_certificates(config.client_ca_file)
        authenticators.append(certificates)
        lifetimes = certificates.lifetimes
    if kinds:
        authenticators.append(bearer)
    if config.anonymous_auth:
        authenticators.append(Anonymous())
    found = Identity(
        authenticators,
        {"tokenreviews.authentication.k8s.io": token_review_verb(bearer)},
        certificates=lifetimes,
    )
    if tokens is not None:
        policy = TokenPolicy(
            int(config.service_account_max_token_expiration or 0),
            config.service_account_extend_token_expiration,
        )
        found.connect["serviceaccounts", "token"] = token_verb(tokens, policy)
        found.paths.update(
            openid_handlers(
                tokens.issuer, tokens.keys, config.service_account_jwks_uri, _address(config)
            )
        )
    return found


def audiences_of(config: ServerConfig) -> tuple[str, ...]:
    """What this server calls itself: its issuers, unless it is told something else."""
    return config.api_audiences or config.service_account_issuer


def service_account_tokens(config: ServerConfig, scopes: Scopes) -> ServiceAccountTokens | None:
    if config.service_account_signing_key_file is None:
        return None
    flag, path = "--service-account-signing-key-file", config.service_account_signing_key_file
    try:
        signing = signing_key(read_pem(path))
        verifying = [signing.public]
        flag = "--service-account-key-file"
        for path in config.service_account_key_file:
            verifying += verifying_keys(read_pem(path))
    except PkiError as error:
        raise StartError(f"{flag}: {path}: {error}") from error
    objects = StoredObjects(
        lambda plural: scopes.stored("", plural).objects, scopes.storage.barrier
    )
    return ServiceAccountTokens(
        signing, verifying, config.service_account_issuer, audiences_of(config), objects
    )


def _client_certificates(path: Path) -> ClientCertificates:
    try:
        return ClientCertificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StartError(f"--client-ca-file: {path}: {error}") from error


def _static_tokens(path: Path, audiences: tuple[str, ...]) -> StaticTokens:
    try:
        return StaticTokens(read_tokens(path.read_text().splitlines()), audiences)
    except (OSError, TokenFileError, UnicodeDecodeError) as error:
        raise StartError(f"--token-auth-file: {path}: {error}") from error


def _address(config: ServerConfig) -> str:
    """host:port under which others find this server's keys; "" if only the socket knows."""
    if config.advertise_url:
        return urlsplit(config.advertise_url).netloc
    if not config.secure_port or config.bind_address in ("0.0.0.0", "::"):
        return ""
    return joined(config.bind_address, config.secure_port)
