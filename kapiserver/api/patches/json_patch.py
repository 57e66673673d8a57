"""JSON Patch (RFC 6902), with the tolerance and the wording of the Go library upstream uses.

In: a decoded document and the decoded list of operations. Out: the patched document. Raises
`JsonPatchError` (the answer is a 422). Differences from the RFC are upstream's:
`replace` of an absent member adds it, a negative index counts from the end, and an absent member
equals null in `test`.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from kapiserver.api.go_text import kind_name

# Copies are the one way in which a small patch makes a big document: they are counted.
COPY_LIMIT = 3 << 20

_MISSING = "missing value"
_UNNAMED = {"path": "operation missing path field", "from": "operation, missing from field"}
_TEST_FAILED = "test failed"
_MAX = 1 << 63
_MAX_DIGITS = len(str(_MAX))
_INTEGER = re.compile(r"[+-]?[0-9]+")


class JsonPatchError(Exception):
    """The patch does not apply to this document."""


def apply(document: Any, operations: list[Any]) -> Any:
    return _Patcher(document).run(operations)


class _Patcher:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._copied = 0

    def run(self, operations: list[dict[str, Any] | None]) -> Any:
        steps = {
            "add": self._add,
            "remove": self._remove,
            "replace": self._replace,
            "move": self._move,
            "copy": self._copy,
            "test": self._test,
        }
        for operation in operations:
            kind = operation.get("op") if operation is not None else None
            step = steps.get(kind) if isinstance(kind, str) else None
            if step is None or operation is None:
                shown = kind if isinstance(kind, str) else "unknown"
                raise JsonPatchError(f"Unexpected kind: {shown}")
            step(operation)
        return self._document

    def _add(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        holder, key = self._find(path)
        if holder is None:
            raise JsonPatchError(
                f'add operation does not apply: doc is missing path: "{path}": {_MISSING}'
            )
        _insert(holder, key, operation.get("value"), f"error in add for path: '{path}'")

    def _remove(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        holder, key = self._find(path)
        if holder is None:
            raise JsonPatchError(
                f'remove operation does not apply: doc is missing path: "{path}": {_MISSING}'
            )
        _take(holder, key, f"error in remove for path: '{path}'")

    def _replace(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        value = operation.get("value")
        if path == "":
            if not isinstance(value, (dict, list)):
                raise JsonPatchError("replace operation value must be object or array")
            self._document = value
            return
        holder, key = self._find(path)
        if holder is None:
            raise JsonPatchError(
                f"replace operation does not apply: doc is missing path: {path}: {_MISSING}"
            )
        if isinstance(holder, dict):
            holder[key] = value
            return
        try:
            index = _index(holder, key)
        except JsonPatchError:
            raise JsonPatchError(
                f"replace operation does not apply: doc is missing key: {path}: {_MISSING}"
            ) from None
        holder[index] = value

    def _move(self, operation: dict[str, Any]) -> None:
        source = _pointer(operation, "from")
        holder, key = self._find(source)
        if holder is None:
            raise JsonPatchError(
                f"move operation does not apply: doc is missing from path: {source}: {_MISSING}"
            )
        value = _take(holder, key, f"error in move for path: '{key}'")
        path = _pointer(operation, "path")
        holder, key = self._find(path)
        if holder is None:
            raise _no_destination("move", path)
        _insert(holder, key, value, f"error in move for path: '{path}'")

    def _copy(self, operation: dict[str, Any]) -> None:
        source = _pointer(operation, "from")
        holder, key = self._find(source)
        if holder is None:
            raise JsonPatchError(
                f"copy operation does not apply: doc is missing from path: {source}: {_MISSING}"
            )
        encoded = orjson.dumps(_get(holder, key, f"error in copy for from: '{source}'"))
        self._copied += len(encoded)
        if self._copied > COPY_LIMIT:
            raise JsonPatchError(
                "Unable to complete the copy, the accumulated size increase of copy is "
                f"{self._copied}, exceeding the limit {COPY_LIMIT}"
            )
        path = _pointer(operation, "path")
        holder, key = self._find(path)
        if holder is None:
            raise _no_destination("copy", path)
        _insert(holder, key, orjson.loads(encoded), "error while adding value during copy")

    def _test(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        if path == "":
            found = self._document
        else:
            holder, key = self._find(path)
            if holder is None:
                raise JsonPatchError(
                    f"test operation does not apply: is missing path: {path}: {_MISSING}"
                )
            found = _get(holder, key, f"error in test for path: '{path}'")
        if not _equal(found, operation.get("value")):
            raise JsonPatchError(f"testing value {path} failed: {_TEST_FAILED}")

    def _find(self, path: str) -> tuple[Any, str]:
        """The object or array that holds the last step of a path (None: no such), and that step."""
        steps = path.split("/")
        if len(steps) < 2:
            return None, ""
        holder = self._document
        for step in steps[1:-1]:
            key = _unescape(step)
            if isinstance(holder, dict):
                holder = holder.get(key)
            else:
                try:
                    holder = holder[_index(holder, key)]
                except JsonPatchError:
                    return None, ""
            if not isinstance(holder, (dict, list)):
                return None, ""
        return holder, _unescape(steps[-1])


def _no_destination(kind: str, path: str) -> JsonPatchError:
    return JsonPatchError(
        f"{kind} operation does not apply: doc is missing destination path: {path}: {_MISSING}"
    )


def _pointer(operation: dict[str, Any], field: str) -> str:
    value = operation.get(field)
    if isinstance(value, str):
        return value
    kind = operation["op"]
    why = _MISSING
    if field == "from" or kind not in ("add", "remove", "copy"):  # those do not say more
        if value is not None:
            why = f"json: cannot unmarshal {kind_name(value)} into Go value of type string"
        else:
            why = f"{_UNNAMED[field]}: {_MISSING}"
    raise JsonPatchError(f"{kind} operation failed to decode {field}: {why}")


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~") if "~" in step else step


def _atoi(key: str) -> int:
    if not _INTEGER.fullmatch(key):
        raise JsonPatchError(f'strconv.Atoi: parsing "{key}": invalid syntax')
    # zeros in front say nothing
    digits = key.lstrip("+-").lstrip("0")[: _MAX_DIGITS + 1]
    number = int(digits or "0") * (-1 if key[0] == "-" else 1)
    if not -_MAX <= number < _MAX:
        raise JsonPatchError(f'strconv.Atoi: parsing "{key}": value out of range')
    return number


def _bounded(position: int, size: int) -> int:
    """A position counted from the start; `size` positions are valid."""
    if not -size <= position < size:
        raise JsonPatchError(
            f"Unable to access invalid index: {position}: invalid index referenced"
        )
    return position + size if position < 0 else position


def _index(array: list[Any], key: str) -> int:
    return _bounded(_atoi(key), len(array))


def _get(holder: Any, key: str, context: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(key)
    try:
        return holder[_index(holder, key)]
    except JsonPatchError as error:
        raise JsonPatchError(f"{context}: {error}") from None


def _take(holder: Any, key: str, context: str) -> Any:
    if isinstance(holder, dict):
        if key not in holder:
            raise JsonPatchError(f"{context}: Unable to remove nonexistent key: {key}: {_MISSING}")
        return holder.pop(key)
    try:
        return holder.pop(_index(holder, key))
    except JsonPatchError as error:
        raise JsonPatchError(f"{context}: {error}") from None


def _insert(holder: Any, key: str, value: Any, context: str) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    elif key == "-":
        holder.append(value)
    else:
        try:
            position = _atoi(key)
        except JsonPatchError as error:
            raise JsonPatchError(
                f"{context}: value was not a proper array index: '{key}': {error}"
            ) from None
        try:
            holder.insert(_bounded(position, len(holder) + 1), value)
        except JsonPatchError as error:
            raise JsonPatchError(f"{context}: {error}") from None


def _equal(left: Any, right: Any) -> bool:
    """JSON equality: unlike Python's, it tells 1 from true and from 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return len(left) == len(right) and all(
            key in right and _equal(below, right[key]) for key, below in left.items()
        )
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
