"""Links in what a proxied server answers, made to lead through the proxy.

Pure. In: the path that the client asked for and the part of it that the server sees. Out: headers
and HTML pages whose absolute paths have the proxy's path in front, so that a browser stays in it.
"""

from __future__ import annotations

import re
import zlib
from posixpath import join, normpath
from urllib.parse import urlsplit, urlunsplit

from kapiserver.proxying.headers import Fields

_ATTRIBUTES = {
    "a": ("href",),
    "applet": ("codebase",),
    "area": ("href",),
    "audio": ("src",),
    "base": ("href",),
    "blockquote": ("cite",),
    "body": ("background",),
    "button": ("formaction",),
    "command": ("icon",),
    "del": ("cite",),
    "embed": ("src",),
    "form": ("action",),
    "frame": ("longdesc", "src"),
    "head": ("profile",),
    "html": ("manifest",),
    "iframe": ("longdesc", "src"),
    "img": ("longdesc", "src", "usemap"),
    "input": ("src", "usemap", "formaction"),
    "ins": ("cite",),
    "link": ("href",),
    "object": ("classid", "codebase", "data", "usemap"),
    "q": ("cite",),
    "script": ("src",),
    "source": ("src",),
    "video": ("poster", "src"),
}
_ENCODING = b"content-encoding"
_GZIP = 31  # zlib's number for the gzip format
_TAG = re.compile(r"<([a-zA-Z]+)((?:\s+|/)[^<>]*)>")
_ATTRIBUTE = re.compile(r"""([a-zA-Z]+)(\s*=\s*)("[^"]*"|'[^']*')""")


class Rewriter:
    """For one request. `asked`: the client's path; `seen`: the server's path at its end."""

    limit = 4 * 1024 * 1024
    """Bytes of an HTML page; a larger one passes as it is."""

    def __init__(self, asked: str, seen: str, origins: tuple[str, ...]) -> None:
        suffix = seen + "/" if asked.endswith("/") and not seen.endswith("/") else seen
        self._prefix = asked.removesuffix(suffix)
        self._origins = origins
        self.forwarded_uri = self._through(seen)

    def _through(self, path: str) -> str:
        joined = normpath(join(self._prefix, path.lstrip("/")))
        return joined + "/" if path.endswith("/") and not joined.endswith("/") else joined

    def url(self, text: str) -> str:
        """A link of the server's, as the client has to follow it."""
        try:
            parts = urlsplit(text)
        except ValueError:
            return text
        if parts.netloc and parts.netloc not in self._origins:
            return text
        if not parts.path.startswith("/"):
            return text
        if parts.netloc == self._origins[0]:
            parts = parts._replace(scheme="", netloc="")
        if not parts.path.startswith(self._prefix):
            parts = parts._replace(path=self._through(parts.path))
        return urlunsplit(parts)

    def response(self, fields: Fields) -> Fields:
        return [
            (name, self.url(value.decode("latin-1")).encode("latin-1"))
            if name == b"location"
            else (name, value)
            for name, value in fields
        ]

    def wants(self, fields: Fields) -> bool:
        """Is this answer an HTML page to be rewritten?"""
        given = dict(fields)
        kind = given.get(b"content-type", b"").partition(b";")[0].strip()
        known = given.get(_ENCODING, b"") in (b"", b"identity", b"gzip")
        return kind == b"text/html" and known and b"location" not in given

    def page(self, fields: Fields, body: bytes) -> bytes | None:
        """The page rewritten, or None when it cannot be read or unpacks to more than the limit."""
        if dict(fields).get(_ENCODING) != b"gzip":
            return self._rewritten(body)
        unpacking = zlib.decompressobj(_GZIP)
        try:
            page = unpacking.decompress(body, self.limit)
        except zlib.error:
            return None
        if not unpacking.eof:
            return None
        packing = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
        return packing.compress(self._rewritten(page)) + packing.flush()

    def _rewritten(self, page: bytes) -> bytes:
        # latin-1 keeps every byte; tags and the links' paths are ASCII in all encodings met here
        return _TAG.sub(self._tag, page.decode("latin-1")).encode("latin-1")

    def _tag(self, found: re.Match[str]) -> str:
        wanted = _ATTRIBUTES.get(found[1].lower())
        if wanted is None:
            return found[0]

        def attribute(part: re.Match[str]) -> str:
            if part[1].lower() not in wanted:
                return part[0]
            quote, value = part[3][0], part[3][1:-1]
            return f"{part[1]}{part[2]}{quote}{self.url(value)}{quote}"

        return f"<{found[1]}{_ATTRIBUTE.sub(attribute, found[2])}>"
