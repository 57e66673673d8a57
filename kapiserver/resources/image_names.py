"""Names of images, as container runtimes read them: `host:5000/path/name:tag@digest`.

In: a name. Out: its tag, `latest` where none is spelled out and no digest stands for it; None for
what is no name at all. Pure.
"""

from __future__ import annotations

import re

from kapiserver.remembering import remembered

_MAX_NAME = 255
_MAX_LENGTH = 1024  # no name, tag and digest together come near it
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_ADDRESS = rf"(?:{_HOST}(?:\.{_HOST})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_reference = re.compile(
    rf"(?P<name>{_ADDRESS}/{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<algorithm>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*)"
    r":(?P<digits>[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_identifier = re.compile("[a-f0-9]{64}")


@remembered(4096)
def image_tag(image: str) -> str | None:
    if len(image) > _MAX_LENGTH or _identifier.fullmatch(image):
        return None  # an identifier of an image, not a name
    first, slash, _ = image.partition("/")
    is_host = slash and (
        "." in first or ":" in first or first == "localhost" or first != first.lower()
    )
    found = _reference.fullmatch(image if is_host else f"docker.io/{image}")
    if found is None or len(found["name"]) > _MAX_NAME:
        return None
    if found["algorithm"] is None:
        return found["tag"] or "latest"
    digits: str = found["digits"]
    if _DIGITS.get(found["algorithm"]) != len(digits) or digits != digits.lower():
        return None
    return found["tag"] or ""
