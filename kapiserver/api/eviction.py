"""pods/eviction: a delete that disruption budgets may refuse."""

from __future__ import annotations

from typing import Any

from kapiserver.api.binding import read_small_object, success
from kapiserver.api.call import Call
from kapiserver.api.delete import delete_object
from kapiserver.api.label_selector import LabelSelector, Requirement
from kapiserver.api.options import delete_options, write_options
from kapiserver.api.render import respond_json
from kapiserver.errors import BadRequest, Cause, InternalError, TooManyRequests
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.storage import StoredObject
from kapiserver.storage.object import Selection

_BUDGETS = ("policy", "poddisruptionbudgets")
_SET_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


async def evict(call: Call) -> Response:
    chosen = write_options(call.context.query, "CreateOptions")
    eviction = await read_small_object(call, "Eviction")
    name = eviction["metadata"].setdefault("name", call.name)
    if name != call.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    options = delete_options({}, eviction.get("deleteOptions") or {})
    options.dry_run = options.dry_run or chosen.dry_run
    pod = await call.scope.objects.get(call.namespace, call.name)
    if pod is None:
        raise call.not_found()
    if not _is_done(pod.decoded()):
        _check_budgets(call, pod)
    await delete_object(call, call.name, options)
    return respond_json(success(201), call.context, 201)


def _is_done(pod: Object) -> bool:
    """Nothing is disrupted by taking away a pod that does not run."""
    phase = pod.get("status", {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or "deletionTimestamp" in pod["metadata"]


def _check_budgets(call: Call, pod: StoredObject) -> None:
    budgets = call.services.scopes.stored(*_BUDGETS).objects
    matching = [
        budget
        for stored in budgets.select(Selection(call.namespace))
        if selects((budget := stored.decoded()).get("spec", {}).get("selector"), pod)
    ]
    if len(matching) > 1:
        raise InternalError(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does "
            "not support."
        )
    if matching and matching[0].get("status", {}).get("disruptionsAllowed", 0) < 1:
        name = matching[0]["metadata"]["name"]
        raise TooManyRequests(
            "Cannot evict pod as it would violate the pod's disruption budget.",
            causes=[
                Cause("DisruptionBudget", f"The disruption budget {name} does not allow it now.")
            ],
        )


def selects(selector: dict[str, Any] | None, pod: StoredObject) -> bool:
    """Whether a LabelSelector object matches; an absent one matches nothing, an empty one all."""
    if selector is None:
        return False
    requirements = [
        Requirement(key, "=", (value,))
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    for expression in selector.get("matchExpressions") or []:
        operator = _SET_OPERATORS[expression["operator"]]
        values = tuple(sorted(expression.get("values") or ()))
        requirements.append(Requirement(expression["key"], operator, values))
    return LabelSelector(tuple(requirements))(pod.labels)
