"""Where the definitions come from: one file of the package kubernetes-validate, kept in a cache.

In: the installed package. Out: a `DefinitionFile`: the JSON of each definition by name, as
kube-apiserver's OpenAPI v2 has it, read only when asked for. The package's file is rewritten once
per package version into a file with an index, so that a start reads one index and no schema.
A cache that cannot be written, or is damaged, costs time and nothing else.
"""

from __future__ import annotations

import importlib.util
import os
import struct
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from kapiserver.resources.schema.openapi_forms import references, to_v3
from kapiserver.version import KUBERNETES_VERSION

FORMAT = 3  # of the cache file; also to be raised when the forms of definitions change

_MAGIC = b"kapischema"
_HEAD = struct.Struct(">10sHII")  # magic, format, length of the index, CRC of all that follows

# Definitions that lost their description or format on the way into the package.
_REPLACED: Mapping[str, Mapping[str, Any]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "description": "IntOrString holds either an int32 or a string.",
        "type": "string",
        "format": "int-or-string",
    },
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "description": (
            "Quantity is a fixed-point number with a unit suffix, written as a string. "
            "Suffixes are Ki Mi Gi Ti Pi Ei (powers of 1024), n u m k M G T P E (powers of "
            "1000) and a decimal exponent such as e3. Values are stored in canonical form: "
            "no fraction, the largest suffix that keeps all digits."
        ),
        "type": "string",
    },
}


class SchemaSourceMissing(RuntimeError):
    """kubernetes-validate is not installed, or has no definitions for our version."""


class Place(NamedTuple):
    """Where a definition lies in the file: its v2 and v3 forms; and what it refers to."""

    v2: int
    v2_length: int
    v3: int
    v3_length: int
    refs: list[str]


class DefinitionFile(Mapping[str, bytes]):
    """Definitions by name, as JSON bytes in OpenAPI v2 form. Immutable.

    `read` gets an offset and a length. The file is not mapped into memory: a mapped file that
    somebody truncates kills the process.
    """

    __slots__ = ("__weakref__", "_places", "_read")

    def __init__(self, places: Mapping[str, Place], read: Callable[[int, int], bytes]) -> None:
        self._places = places
        self._read = read

    def __getitem__(self, name: str) -> bytes:
        place = self._places[name]
        return self._read(place.v2, place.v2_length)

    def v3(self, name: str) -> bytes:
        place = self._places[name]
        return self._read(place.v3, place.v3_length)

    def references(self, name: str) -> list[str]:
        return self._places[name].refs

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def load_definitions(cache_dir: Path | None = None) -> DefinitionFile:
    """The definitions, from the cache when it is good, else from the package."""
    source = _package_file()
    cached = (cache_dir or _default_cache_dir()) / _cache_name(source)
    found = _open(cached)
    if found is not None:
        return found
    packed = _pack(_normalised(source))
    _write(cached, packed)
    return _open(cached) or _in_memory(packed)


def _package_file() -> Path:
    # find_spec and not importlib.resources.files: that would import the package, which takes
    # 170 ms, to learn where it lies.
    spec = importlib.util.find_spec("kubernetes_validate")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = (
            Path(place)
            / "kubernetes-json-schema"
            / f"{KUBERNETES_VERSION}-local"
            / "_definitions.json"
        )
        if found.is_file():
            return found
    raise SchemaSourceMissing(
        f"the definitions of Kubernetes {KUBERNETES_VERSION} were not found: "
        "is kubernetes-validate installed in its pinned version?"
    )


def _default_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: relative paths are to be ignored
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "kapiserver"


def _cache_name(source: Path) -> str:
    """Changes with the package's file, so that another installed version never reads ours."""
    facts = source.stat()
    identity = f"{source.resolve()}:{facts.st_size}:{facts.st_mtime_ns}"
    return f"schemas-{KUBERNETES_VERSION}-{FORMAT}-{zlib.crc32(identity.encode()):08x}.bin"


# --- the package's form -> upstream's form ---------------------------------------------------


def _normalised(source: Path) -> dict[str, Any]:
    definitions = orjson.loads(source.read_bytes())["$defs"]
    return {name: dict(_REPLACED.get(name) or _normal(d)) for name, d in definitions.items()}


def _normal(schema: Mapping[str, Any]) -> dict[str, Any]:
    """One schema without the package's changes: null types, $defs, enums of apiVersion and kind."""
    out: dict[str, Any] = {}
    for key, value in schema.items():
        match key:
            case "type" if isinstance(value, list):
                out[key] = next(t for t in value if t != "null")
            case "$ref":
                out[key] = value.replace("#/$defs/", "#/definitions/")
            case "properties":
                out[key] = {name: _normal(field) for name, field in value.items()}
            case "items" | "additionalProperties":
                out[key] = _normal(value) if isinstance(value, dict) else value
            case "enum":
                # Added by the package, to pin apiVersion and kind; upstream's v2 has no enums.
                continue
            case _:
                out[key] = value
    return out


# --- the cache file --------------------------------------------------------------------------


def _pack(definitions: Mapping[str, Any]) -> bytes:
    index: dict[str, Place] = {}
    parts: list[bytes] = []
    at = 0
    for name, definition in definitions.items():
        v2 = orjson.dumps(definition)
        v3 = orjson.dumps(to_v3(name, definition))
        refs = sorted(set(references(definition)))
        index[name] = Place(at, len(v2), at + len(v2), len(v3), refs)
        parts += (v2, v3)
        at += len(v2) + len(v3)
    index_data = orjson.dumps({name: list(place) for name, place in index.items()})
    rest = index_data + b"".join(parts)
    return _HEAD.pack(_MAGIC, FORMAT, len(index_data), zlib.crc32(rest)) + rest


def _index(data: bytes) -> tuple[dict[str, Place], int] | None:
    """Where everything is, and where the definitions begin. None: not a good file of ours."""
    if len(data) < _HEAD.size:
        return None
    magic, form, index_length, crc = _HEAD.unpack_from(data)
    if magic != _MAGIC or form != FORMAT or zlib.crc32(memoryview(data)[_HEAD.size :]) != crc:
        return None
    start = _HEAD.size + index_length
    index = orjson.loads(data[_HEAD.size : start])
    return {name: Place(*place) for name, place in index.items()}, start


def _in_memory(data: bytes) -> DefinitionFile:
    found = _index(data)
    assert found is not None, "a file just packed must unpack"
    places, start = found
    return DefinitionFile(places, lambda at, length: data[start + at : start + at + length])


def _open(path: Path) -> DefinitionFile | None:
    """None: no such file, or not a good one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = _index(_all(handle))
    except OSError:
        found = None
    if found is None:
        os.close(handle)
        return None
    places, start = found

    def read(at: int, length: int) -> bytes:
        data = os.pread(handle, length, start + at)
        if len(data) != length:
            raise SchemaSourceMissing(f"{path} was changed while it was in use: remove it")
        return data

    opened = DefinitionFile(places, read)
    weakref.finalize(opened, os.close, handle)
    return opened


def _all(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    return os.pread(handle, size, 0)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, whoever else writes it now. Not synced: a torn file fails its CRC."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
    except OSError:
        return  # a read-only or full disk: this start works from memory
