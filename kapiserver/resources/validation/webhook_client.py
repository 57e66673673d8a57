"""How a webhook is reached: a URL or a service, and the authorities that sign its certificate."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required
from kapiserver.resources.names import dns1035_label, dns1123_subdomain
from kapiserver.resources.validation.certificates import MALFORMED, certificate_of
from kapiserver.resources.validation.formats import Found, in_range
from kapiserver.resources.validation.go_urls import UrlError, parse_url
from kapiserver.resources.validation.pem import decoded, pem_blocks
from kapiserver.resources.validation.repeats import repeated

REVIEW_VERSIONS = ("v1", "v1beta1")

_ONE_ADDRESS = "exactly one of url or service is required"

_FORM = "; desired format: https://host[/path]"
_BUNDLE = "unable to load root certificates: "


def check_address(found: Found, client: Object, path: str) -> None:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        found.append(required(path, _ONE_ADDRESS))
    elif url is not None:
        _check_url(found, url, f"{path}.url")
    else:
        _check_service(found, service or {}, f"{path}.service")


def _check_url(found: Found, url: str, path: str) -> None:
    try:
        parsed = parse_url(url)
    except UrlError as error:
        found.append(required(path, f"url must be a valid URL: {error}{_FORM}"))
        return
    if parsed.scheme != "https":
        detail = f"'https' is the only allowed URL scheme{_FORM}"
        found.append(invalid(path, parsed.scheme, detail))
    if not parsed.host:
        found.append(invalid(path, "", f"host must be specified{_FORM}"))
    if parsed.user is not None:
        detail = "user information is not permitted in the URL"
        found.append(invalid(path, parsed.user, detail))
    if parsed.fragment:
        found.append(invalid(path, parsed.fragment, "fragments are not permitted in the URL"))
    if parsed.query:
        found.append(invalid(path, parsed.query, "query parameters are not permitted in the URL"))


def _check_service(found: Found, service: Object, path: str) -> None:
    # kube-apiserver reports a missing name as a missing namespace and the other way round
    for reported, missing in (("name", "namespace"), ("namespace", "name")):
        if not service.get(missing):
            found.append(required(f"{path}.{reported}"))
    port = service.get("port", 0)
    if not 1 <= port <= 65535:
        found.append(invalid(f"{path}.port", port, f"port is not valid: {in_range(1, 65535)}"))
    _check_path(found, service.get("path") or "", f"{path}.path")


def knows_reviews(versions: Sequence[str]) -> bool:
    """Whether one of the versions is ours; so it is said of none at all."""
    return not versions or any(version in REVIEW_VERSIONS for version in versions)


def check_review_versions(
    found: Found, versions: list[str], path: str, *, known: bool, absent: str = ""
) -> None:
    """The versions of reviews that a webhook takes. `known`: one must be ours.

    `absent`: what to say when there are none.
    """
    if not versions:
        found.append(required(path, absent))
        return
    again = repeated(versions)
    for position, version in enumerate(versions):
        here = f"{path}[{position}]"
        if position in again:
            found.append(invalid(here, version, "duplicate version"))
            continue
        found += [invalid(here, version, problem) for problem in dns1035_label(version)]
    if known and not knows_reviews(versions):
        detail = f"must include at least one of {', '.join(REVIEW_VERSIONS)}"
        found.append(invalid(path, versions, detail))


def _check_path(found: Found, text: str, path: str) -> None:
    if text in ("", "/"):
        return
    if text == "//":
        found.append(invalid(path, text, "segment[0] may not be empty"))
        return
    if not text.startswith("/"):
        found.append(invalid(path, text, "must start with a '/'"))
    for position, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            found.append(invalid(path, text, f"segment[{position}] may not be empty"))
            continue
        for problem in dns1123_subdomain(step):
            found.append(invalid(path, text, f"segment[{position}]: {problem}"))


def bundle_problem(bundle: str) -> str:
    """What is wrong with a PEM bundle in base64; nothing when one certificate in it is good."""
    blocks = list(pem_blocks(decoded(bundle)))
    if not blocks:
        return f"{_BUNDLE}unable to parse bytes as PEM block"
    authorities = [
        block.data for block in blocks if block.kind == "CERTIFICATE" and not block.has_headers
    ]
    if not authorities:
        return f"{_BUNDLE}no valid certificate authority data seen"
    if not any(map(certificate_of, authorities)):
        return f"{_BUNDLE}failed to parse certificate: {MALFORMED}"
    return ""


def check_bundle(found: Found, bundle: str, path: str) -> None:
    if problem := bundle_problem(bundle):
        found.append(invalid(path, bundle, problem))
