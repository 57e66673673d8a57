"""Fields of older API versions that apps/v1 carries in annotations.

To kube-apiserver they are part of the spec: it reads them from the annotations of every object that
arrives, and writes them back into those that leave. In: a decoded object. Out: the same one, its
annotation in canonical form. A number that is none cannot be decoded at all.
"""

from __future__ import annotations

import re

from kapiserver.errors import BadRequest
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.field_errors import invalid, shown
from kapiserver.resources.validation.formats import NON_NEGATIVE, Found

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
ROLLBACK = "deprecated.deployment.rollback.to"

_number = re.compile(r"[+-]?[0-9]+")
_MAX = 2**63
_LONGEST = 20  # digits: one more than any such number has


def _annotations(obj: Object) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("annotations") or {}


def _set(obj: Object, key: str, number: int) -> None:
    metadata = obj.setdefault("metadata", {})
    # never in place: an update may share its metadata with the object that it replaces
    metadata["annotations"] = {**(metadata.get("annotations") or {}), key: str(number)}


def _parsed(text: str, kind: str, prefix: str = "") -> int:
    problem, number = "", 0
    if not _number.fullmatch(text):
        problem = "invalid syntax"
    else:
        # zeros in front say nothing, and what is left may still be longer than Python reads
        digits = text.lstrip("+-").lstrip("0")[:_LONGEST] or "0"
        number = -int(digits) if text.startswith("-") else int(digits)
        if not -_MAX <= number < _MAX:
            problem = "value out of range"
    if problem:
        raise BadRequest(
            f'{kind} in version "v1" cannot be handled as a {kind}: {prefix}strconv.ParseInt: '
            f"parsing {shown(text)}: {problem}"
        )
    return number


def read_template_generation(daemons: Object) -> None:
    """How often a daemon set's template changed is there even when nobody said so."""
    text = _annotations(daemons).get(TEMPLATE_GENERATION)
    _set(daemons, TEMPLATE_GENERATION, 0 if text is None else _parsed(text, "DaemonSet"))


def first_template_generation(daemons: Object, context: WriteContext) -> None:
    _set(daemons, TEMPLATE_GENERATION, max(1, _generation(daemons)))


def next_template_generation(daemons: Object, context: WriteContext) -> None:
    """Only a changed template counts, whatever the client says."""
    old = context.old
    if old is None:
        return
    generation = _generation(old)
    if context.subresource != "status" and _template(daemons) != _template(old):
        generation += 1
    _set(daemons, TEMPLATE_GENERATION, generation)


def _generation(daemons: Object) -> int:
    text = _annotations(daemons).get(TEMPLATE_GENERATION, "")
    return int(text) if _number.fullmatch(text) else 0


def _template(daemons: Object) -> Object:
    template: Object = (daemons.get("spec") or {}).get("template") or {}
    return template


def read_rollback(deployment: Object) -> None:
    text = _annotations(deployment).get(ROLLBACK)
    if text is None:
        return
    if text:
        prefix = f"failed to parse annotation[{ROLLBACK}]={text} as int64: "
        _set(deployment, ROLLBACK, _parsed(text, "Deployment", prefix))
        return
    metadata = deployment["metadata"]
    metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != ROLLBACK}


def check_rollback(found: Found, deployment: Object) -> None:
    text = _annotations(deployment).get(ROLLBACK, "")
    if text.startswith("-") and int(text):
        found.append(invalid("spec.rollback.version", int(text), NON_NEGATIVE))
