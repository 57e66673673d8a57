"""URLs as Go's net/url reads them. In: text. Out: its parts, or UrlError in Go's words. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from kapiserver.resources.field_errors import shown

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)
_PORT = re.compile(r"(:[0-9]*)?")
_NOT_IN_HOST = re.compile(r"[ ^`{|}\\]")


class UrlError(ValueError):
    """The text is no URL."""


class Url(NamedTuple):
    scheme: str
    user: str | None
    host: str
    path: str
    query: str
    fragment: str


def parse_url(text: str) -> Url:
    try:
        return _parse(text)
    except UrlError as error:
        raise UrlError(f"parse {shown(text)}: {error}") from error


def parse_request_uri(text: str) -> Url:
    """As a request line has it: absolute, or a path from the root; a # is a character like any."""
    try:
        if not text:
            raise UrlError("empty url")
        if text[0] != "/" and not _SCHEME.match(text.partition(":")[0] if ":" in text else ""):
            raise UrlError("invalid URI for request")
        return _parse(text.replace("#", "%23"))
    except UrlError as error:
        raise UrlError(f"parse {shown(text)}: {error}") from error


def _parse(text: str) -> Url:
    before, _, fragment = text.partition("#")
    if _CONTROL.search(before):
        raise UrlError("net/url: invalid control character in URL")
    scheme, rest = _split_scheme(before)
    rest, _, query = rest.partition("?")
    if not scheme and not rest.startswith("/") and ":" in rest.partition("/")[0]:
        raise UrlError("first path segment in URL cannot contain colon")
    user: str | None = None
    host = ""
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        info, at, host = authority.rpartition("@")
        user = info if at else None
        _check_host(host)
    for part in (rest, fragment):
        if found := _ESCAPE.search(part):
            raise UrlError(f"invalid URL escape {shown(found.group())}")
    return Url(scheme.lower(), user, host, rest, query, fragment)


def _split_scheme(text: str) -> tuple[str, str]:
    before, colon, after = text.partition(":")
    if colon and not before:
        raise UrlError("missing protocol scheme")
    if colon and _SCHEME.fullmatch(before):
        return before, after
    return "", text


def _check_host(host: str) -> None:
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0:
            raise UrlError("missing ']' in host")
        port = host[end + 1 :]
    else:
        colon = host.rfind(":")
        port = host[colon:] if colon >= 0 else ""
    if not _PORT.fullmatch(port):
        raise UrlError(f"invalid port {shown(port)} after host")
    if found := _NOT_IN_HOST.search(host):
        raise UrlError(f"invalid character {shown(found.group())} in host name")
