"""componentstatuses: is everything there? Asked at the moment of the request, never stored.

In: checks by component. Out: a ComponentStatus for each, as GET, LIST or Table. The scheduler and
the controller manager are looked for where kube-apiserver looks for them: on this machine, at the
ports that they serve their health on. `etcd-0` is the store, which is part of this server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import h11
import orjson
import trio

from kapiserver.api.answers import object_answer
from kapiserver.api.call import Call
from kapiserver.api.list import page_answer, selection_of
from kapiserver.api.options import list_options
from kapiserver.api.render import output_of
from kapiserver.api.router import Verb
from kapiserver.errors import ApiError
from kapiserver.proxying.dial import DialError, dial
from kapiserver.proxying.kubelets import unverified_context
from kapiserver.proxying.target import Target
from kapiserver.request import Response
from kapiserver.storage import ListPage, StoredObject
from kapiserver.storage.object import ObjectForm

RESOURCE = "componentstatuses"
STORE = "etcd-0"
CONTROLLER_MANAGER_PORT, SCHEDULER_PORT = 10257, 10259
PROBE_SECONDS = 5.0
_ANSWER_LIMIT = 10 << 10


def _unchanged(obj: dict[str, Any]) -> None:
    """Nothing is added before encoding, nothing taken out after decoding."""


_FORM = ObjectForm(lambda obj: {"metadata.name": obj["metadata"]["name"]}, _unchanged, _unchanged)


class Condition(NamedTuple):
    """`status` is True, False or Unknown."""

    status: str
    message: str = ""
    error: str = ""


Check = Callable[[], Awaitable[Condition]]


class ComponentNotFound(ApiError):
    """Upstream's answer to a name that it does not know is an error without a reason."""

    code, reason = 500, ""


def component_checks(store_problem: Callable[[], str]) -> dict[str, Check]:
    """`store_problem`: what is wrong with the store, "" if nothing."""

    async def store() -> Condition:
        problem = store_problem()
        return Condition("False", error=problem) if problem else Condition("True", "ok")

    return {
        "controller-manager": partial(probe, "127.0.0.1", CONTROLLER_MANAGER_PORT),
        STORE: store,
        "scheduler": partial(probe, "127.0.0.1", SCHEDULER_PORT),
    }


def component_verb(checks: Mapping[str, Check]) -> Verb:
    """For the router: get and list."""

    async def answer(call: Call) -> Response:
        output = output_of(call.context)
        if call.name and call.context.info.verb == "get":
            check = checks.get(call.name)
            if check is None:
                raise ComponentNotFound(f"Component not found: {call.name}")
            return object_answer(call, _stored(call.name, await check()), output)
        options = list_options(call.context.query, call.scope.definition, watch=False)
        found: dict[str, Condition] = {}

        async def look(name: str, check: Check) -> None:
            found[name] = await check()

        async with trio.open_nursery() as nursery:
            for name, check in checks.items():
                nursery.start_soon(look, name, check)
        selection = selection_of(call, options)
        items = [_stored(name, found[name]) for name in sorted(found)]
        page = ListPage([item for item in items if selection.matches(item)], 0)
        return await page_answer(call, page, output)

    return answer


def _stored(name: str, condition: Condition) -> StoredObject:
    shown = {"type": "Healthy", "status": condition.status}
    if condition.message:
        shown["message"] = condition.message
    if condition.error:
        shown["error"] = condition.error
    document = {
        "kind": "ComponentStatus",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "conditions": [shown],
    }
    return StoredObject(b"", "", name, orjson.dumps(document), 0, 0, _FORM)


async def probe(host: str, port: int) -> Condition:
    """GET /healthz over TLS, without a look at the certificate, as upstream does."""
    target = Target(host, port, "/healthz", tls=unverified_context)
    prefix = f'Get "{target.url}": '
    try:
        with trio.fail_after(PROBE_SECONDS):
            status, body = await _get(target)
    except DialError as error:
        return Condition("False", f"{prefix}{error}")
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        return Condition("False", f"{prefix}EOF")
    except trio.TooSlowError:
        return Condition("False", f"{prefix}context deadline exceeded")
    text = body.decode(errors="replace")
    if 200 <= status < 400:
        return Condition("True", text)
    return Condition("False", f"HTTP probe failed with statuscode: {status}")


async def _get(target: Target) -> tuple[int, bytes]:
    stream = await dial(target, None)
    try:
        protocol = h11.Connection(h11.CLIENT)
        headers = [("host", target.authority), ("connection", "close"), ("accept", "*/*")]
        head = h11.Request(method="GET", target=target.request_target, headers=headers)
        sent = (protocol.send(head) or b"") + (protocol.send(h11.EndOfMessage()) or b"")
        await stream.send_all(sent)
        status, body = 0, bytearray()
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                protocol.receive_data(bytes(await stream.receive_some(16384)))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            if isinstance(event, h11.EndOfMessage) or len(body) > _ANSWER_LIMIT:
                return status, bytes(body[:_ANSWER_LIMIT])
    finally:
        await trio.aclose_forcefully(stream)
