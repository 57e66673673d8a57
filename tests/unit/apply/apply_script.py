"""Golden scripts of field ownership: commands and what comes of them, in text files.

A script is blocks separated by blank lines. A block is a command, an indented YAML body if it takes
one, `----`, and what is expected: the object on one line, then one line per manager, or the error.

    kind apps/v1 deployments   start anew with this kind
    version v2                 go on with another version of the kind
    through status             go on writing through a subresource ("main": through none)
    create WHO                 the body is a new object
    update WHO                 the body replaces the object (its metadata are kept)
    patch WHO                  the body is a JSON merge patch of the object
    apply WHO [force]          the body is an apply config
    forget                     drop managedFields, as an object from before they were kept

The clock says t1 at the first command, t2 at the second. `UPDATE_GOLDEN=1 pytest` rewrites what is
expected; read the difference before you believe it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import ryaml

from kapiserver.api.apply.conflicts import ApplyConflict
from kapiserver.api.apply.elements import shown
from kapiserver.api.apply.manager import FieldManager, Untyped, keep_times
from kapiserver.api.apply.managers import stored
from kapiserver.api.apply.sets import paths
from kapiserver.api.apply.types import FieldTypes
from kapiserver.api.apply.versions import KindVersions
from kapiserver.api.patches import merge_patch
from kapiserver.resources.registry import Registry

Object = dict[str, Any]


class Script:
    def __init__(self, types: FieldTypes, registry: Registry) -> None:
        self._types = types
        self._registry = registry
        self._object: Object | None = None
        self._clock = 0
        self._subresource = ""

    def run(self, text: str) -> str:
        """The script with what really came of its commands."""
        out = []
        for block in text.strip("\n").split("\n\n"):
            lines = block.split("\n")
            comments = [line for line in lines if line.startswith("#")]
            lines = [line for line in lines if not line.startswith("#")]
            if not lines:
                out.append(block)
                continue
            end = lines.index("----") if "----" in lines else len(lines)
            command, body = lines[0], "\n".join(lines[1:end])
            result = self._command(command.split(), ryaml.loads(body) if body.strip() else {})
            answer = ["----", result] if result else []
            out.append("\n".join([*comments, *lines[:end], *answer]))
        return "\n\n".join(out) + "\n"

    def _command(self, words: list[str], body: Any) -> str:
        match words:
            case ["kind", api_version, plural]:
                group, _, version = api_version.rpartition("/")
                found = self._registry.lookup(group, version, plural)
                assert found is not None, words
                self._definition, self._version = found
                self._object, self._subresource = None, ""
                return ""
            case ["version", name]:
                self._switch(name)
                return ""
            case ["through", subresource]:
                self._subresource = "" if subresource == "main" else subresource
                return ""
        self._clock += 1
        match words:
            case ["forget"]:
                assert self._object is not None
                self._object["metadata"].pop("managedFields", None)
            case ["apply", who, *options]:
                return self._apply(who, body, force="force" in options)
            case ["create", who]:
                obj = self._envelope(body)
                self._manager().created(obj, who, self._now)
                self._object = obj
                self._object["metadata"]["uid"] = "1"
            case ["update", who]:
                self._replace(who, self._envelope(body))
            case ["patch", who]:
                assert self._object is not None
                self._replace(who, merge_patch.apply(_copy(self._object), body))
            case _:
                raise AssertionError(f"no such command: {words}")
        return self._state()

    @property
    def _now(self) -> str:
        return f"t{self._clock}"

    def _manager(self) -> FieldManager:
        return FieldManager(
            self._definition, self._version, self._subresource, self._types, self._registry
        )

    def _switch(self, name: str) -> None:
        version = self._definition.version(name)
        assert version is not None
        assert self._object is not None
        versions = KindVersions(self._definition, self._types, self._registry, "")
        group = self._definition.group
        target = f"{group}/{name}" if group else name
        self._object = versions.convert(self._object, self._manager().api_version, target)
        self._version = version

    def _envelope(self, body: Object) -> Object:
        metadata = {"name": "x", **(body.get("metadata") or {})}
        if self._object is not None:
            metadata["uid"] = "1"
        api_version = self._manager().api_version
        return {
            "apiVersion": api_version,
            "kind": self._definition.kind,
            **body,
            "metadata": metadata,
        }

    def _replace(self, who: str, new: Object) -> None:
        old = self._object
        assert old is not None
        self._manager().updated(_copy(old), new, who, self._now)
        keep_times(new, old)
        self._object = new

    def _apply(self, who: str, body: Object, *, force: bool) -> str:
        config = self._envelope(body)
        config["metadata"].pop("uid", None)
        live = None if self._object is None else _copy(self._object)
        try:
            merged = self._manager().apply(live, config, who, self._now, force=force)
        except ApplyConflict as conflict:
            return f"conflict: {conflict.message}"
        except Untyped as untyped:
            return f"untyped: {untyped}"
        entries = merged["metadata"].pop("managedFields", None)  # their times are no times
        self._types.schemas.validator(self._version.schema).check(merged)
        if entries:
            merged["metadata"]["managedFields"] = entries
        merged["metadata"]["uid"] = "1"
        if self._object is not None:
            keep_times(merged, self._object)
        self._object = merged
        return self._state()

    def _state(self) -> str:
        assert self._object is not None
        entries = self._object["metadata"].get("managedFields") or []
        shown_object = {
            key: value for key, value in self._object.items() if key not in ("apiVersion", "kind")
        }
        metadata = {
            key: value
            for key, value in self._object["metadata"].items()
            if key not in ("managedFields", "name", "uid")
        }
        shown_object.pop("metadata")
        if metadata:
            shown_object["metadata"] = metadata
        lines = [orjson.dumps(shown_object, option=orjson.OPT_SORT_KEYS).decode()]
        for manager, owner in stored(entries).items():
            through = f" through {manager.subresource}" if manager.subresource else ""
            fields = " ".join(map(shown, paths(owner.fields)))
            lines.append(
                f"{manager.manager} {manager.operation} {owner.api_version}{through} "
                f"{owner.time or 'never'}: {fields}"
            )
        return "\n".join(lines)


def _copy(obj: Object) -> Object:
    copy: Object = orjson.loads(orjson.dumps(obj))
    return copy


def scripts() -> list[Path]:
    return sorted((Path(__file__).parent / "testdata").glob("*.txt"))
