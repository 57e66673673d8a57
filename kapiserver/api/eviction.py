"""pods/eviction: a delete that disruption budgets may refuse.

In: an Eviction (policy/v1). Out: a Status. A budget that lets a pod go has one disruption less from
then on, and remembers the pod (`disruptedPods`) until its controller has seen that it is gone. The
pod says in a condition that it was evicted, for as long as there still is one. What may not happen:
a pod removed on the ground of a state that it is not in any more; where the state was what spared
it the budget, the delete is tied to the revision that was looked at.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kapiserver.admission.chain import CREATE
from kapiserver.api.binding import success
from kapiserver.api.budgets import (
    RETRY_SECONDS,
    charge,
    has_room_for_unhealthy,
    is_ready,
    still_processing,
)
from kapiserver.api.call import Call, internal_call
from kapiserver.api.decoding import read_placed
from kapiserver.api.delete import delete_object
from kapiserver.api.deletion import check_preconditions
from kapiserver.api.options import DeleteOptions, WriteOptions, delete_options, write_options
from kapiserver.api.pod_conditions import set_true
from kapiserver.api.render import respond_json
from kapiserver.api.write import AbsentError, Ownership, Update
from kapiserver.errors import BadRequest, Conflict, NotFound, Timeout
from kapiserver.request import Response, UserInfo
from kapiserver.resources.definition import Object
from kapiserver.resources.validation.labels import selects
from kapiserver.storage import StoredObject
from kapiserver.storage.object import Selection

SERVER = UserInfo("system:apiserver", groups=("system:masters",))
"""Who changes the budgets: whoever evicts needs no rights on them."""

ATTEMPTS = 20
"""To remove a pod that changes all the time."""

_BUDGETS = ("policy", "poddisruptionbudgets")
_REASON = "EvictionByEvictionAPI"
_OVER = ("Succeeded", "Failed")


async def evict(call: Call) -> Response:
    chosen = write_options(call.context.query, "CreateOptions")
    eviction = await read_placed(call, chosen)
    if eviction["metadata"].get("name", "") != call.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    options = delete_options({}, eviction.get("deleteOptions") or {})
    options.dry_run = options.dry_run or chosen.dry_run
    attributes = call.admission_attributes(CREATE, call.name, dry_run=options.dry_run, obj=eviction)
    await call.services.admission.mutate(attributes)
    await call.services.admission.validate(attributes)
    pod = await _remove_unguarded(call, options)
    if pod is None:
        return respond_json(success(201), call.context, 201)
    budgets = _budgets_of(call, pod)
    if len(budgets) > 1:
        return respond_json(_several(), call.context, 201)
    budget = budgets[0] if budgets else None
    if budget is not None and not is_ready(pod.decoded()) and has_room_for_unhealthy(budget):
        await _remove_unhealthy(call, options, pod, budget["metadata"]["name"])
        return respond_json(success(201), call.context, 201)
    if budget is not None:
        await _charge(call, budget, dry_run=options.dry_run)
    await _remove(call, options)
    return respond_json(success(201), call.context, 201)


async def _remove_unguarded(call: Call, options: DeleteOptions) -> StoredObject | None:
    """Delete a pod that no budget counts. Else the pod, as it was read."""
    attempts = ATTEMPTS
    while True:
        pod = await call.scope.objects.get(call.namespace, call.name)
        if pod is None:
            raise call.not_found()
        state = pod.decoded()
        over = _is_over(state)
        if not over and state.get("status", {}).get("phase") != "Pending":
            return pod
        tied = options
        if not over and options.resource_version is None:
            tied = replace(options, resource_version=str(pod.revision))
        try:
            await _remove(call, tied)
        except Conflict:
            attempts -= 1
            if options.resource_version is not None or not attempts:
                raise
        else:
            return None


async def _remove(call: Call, options: DeleteOptions) -> None:
    """Delete the pod; whoever sees it go is told why."""
    if not options.dry_run:
        change = internal_call(
            call.services, call.scope, SERVER, "update", call.namespace, call.name, "status"
        )

        def tell(pod: Object) -> Object:
            check_preconditions(options, pod["metadata"], call.scope.definition)
            set_true(pod, "DisruptionTarget", reason=_REASON, message="Eviction API: evicting")
            return pod

        untouched = Ownership.UNTOUCHED
        try:
            told = await Update(change, call.name, WriteOptions(), tell, ownership=untouched).run()
        except AbsentError:
            raise call.not_found() from None
        if options.resource_version is not None:
            options = replace(options, resource_version=str(told.revision))
    await delete_object(call, call.name, options)


def _is_over(pod: Object) -> bool:
    phase = pod.get("status", {}).get("phase")
    return phase in _OVER or "deletionTimestamp" in pod["metadata"]


async def _remove_unhealthy(
    call: Call, options: DeleteOptions, pod: StoredObject, budget: str
) -> None:
    """Delete a pod that is not counted as healthy, unless it became so in the meantime."""
    tied = options
    if options.resource_version is None:
        tied = replace(options, resource_version=str(pod.revision))
    try:
        await _remove(call, tied)
    except Conflict as conflict:
        if options.resource_version is not None:
            raise
        raise still_processing(budget) from conflict


def _budgets_of(call: Call, pod: StoredObject) -> list[Object]:
    """The budgets that select the pod: an empty selector selects all, none selects nothing."""
    found = []
    for stored in call.services.scopes.stored(*_BUDGETS).objects.select(Selection(call.namespace)):
        budget = stored.decoded()
        selector = budget.get("spec", {}).get("selector")
        if selector is not None and selects(selector, dict(pod.labels)):
            found.append(budget)
    return found


async def _charge(call: Call, budget: Object, *, dry_run: bool) -> None:
    """Take a disruption from the budget, of its newest state. Raises what refuses it."""
    scope = call.services.scopes.stored(*_BUDGETS)
    name = budget["metadata"]["name"]
    if dry_run:
        charge(budget, call.name)
        return
    change = internal_call(call.services, scope, SERVER, "update", call.namespace, name, "status")
    try:
        await Update(change, name, WriteOptions(), lambda now: charge(now, call.name)).run()
    except AbsentError:
        raise NotFound.of(*_BUDGETS, name) from None
    except Conflict as conflict:
        why = f'Timeout: couldn\'t update PodDisruptionBudget "{name}" due to conflicts'
        raise Timeout(why, retry_after=RETRY_SECONDS) from conflict


def _several() -> dict[str, Any]:
    """Upstream answers 201 with a Status that is a failure; clients go by the Status."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does "
            "not support."
        ),
        "code": 500,
    }
