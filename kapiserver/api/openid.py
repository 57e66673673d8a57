"""OpenID Connect discovery: how others can verify service account tokens without asking us.

In: the issuer and the public keys. Out: `/.well-known/openid-configuration` and `/openid/v1/jwks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import orjson

from kapiserver.api.paths import PathHandler, routed
from kapiserver.pipeline.context import RequestContext
from kapiserver.pki import VerifyingKey
from kapiserver.request import Response

CONFIGURATION_PATH = "/.well-known/openid-configuration"
KEYS_PATH = "/openid/v1/jwks"

_CACHED = (b"cache-control", b"public, max-age=3600")


def joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def openid_handlers(
    issuer: str, keys: Sequence[VerifyingKey], keys_uri: str, external_address: str
) -> dict[str, PathHandler]:
    """By first segment. None of them for an issuer that is no https URL: discovery needs one.

    `keys_uri`: where the keys are found; "": on this server, at `external_address` (host:port) or,
    without that, at the address that the client reached.
    """
    parts = urlsplit(issuer)
    if parts.scheme != "https" or parts.query or parts.fragment:
        return {}
    key_set = orjson.dumps({"keys": [key.jwk() for key in keys]})

    def configuration(context: RequestContext) -> Response | None:
        if context.info.path.rstrip("/") != CONFIGURATION_PATH:
            return None
        address = external_address or joined(*(context.connection.server or ("", 0)))
        document = {
            "issuer": issuer,
            "jwks_uri": keys_uri or f"https://{address}{KEYS_PATH}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in keys}),
        }
        headers = [(b"content-type", b"application/json"), _CACHED]
        return Response(200, headers, orjson.dumps(document))

    def key_list(context: RequestContext) -> Response | None:
        if context.info.path.rstrip("/") != KEYS_PATH:
            return None
        return Response(200, [(b"content-type", b"application/jwk-set+json"), _CACHED], key_set)

    return {
        ".well-known": routed(configuration, CONFIGURATION_PATH, "application/json"),
        "openid": routed(key_list, KEYS_PATH, "application/jwk-set+json"),
    }
