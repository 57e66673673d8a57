"""pods/log, exec, attach and portforward: what a pod's kubelet answers.

In: calls with the parameters of PodLogOptions, PodExecOptions and so on. Out: the kubelet's answer.
Parameters are read, checked and written anew: what a client adds to them does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from kapiserver.api.call import Call
from kapiserver.authz.authorizer import Authorizer, Decision, attributes_of, forbidden
from kapiserver.errors import ApiError, BadRequest, Cause, InternalError, Invalid, NotFound
from kapiserver.pipeline.query import Query, first, flag
from kapiserver.proxying import translate
from kapiserver.proxying.backend import BackendError
from kapiserver.proxying.forward import ProxyFailed, opened, relay, upgrade
from kapiserver.proxying.kubelets import KubeletSettings, kubelet, node_of
from kapiserver.proxying.target import Target
from kapiserver.proxying.websocket_logs import log_messages, log_protocol
from kapiserver.request import Response
from kapiserver.resources.field_errors import forbidden as forbidden_field
from kapiserver.resources.field_errors import invalid, not_supported
from kapiserver.websockets import is_websocket

_LOG_STREAMS = ("All", "Stderr", "Stdout")
_CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
_LOG_ERROR_BYTES = 50_000
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)

Pod = dict[str, Any]
Parameters = list[tuple[str, str]]
Verb = Callable[[Call], Awaitable[Response]]


class KubeletRefused(ApiError):
    """The kubelet's answer to a log request, where it is not a log."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.code = code
        self.reason = reason


class PodConnections:
    """The verbs."""

    def __init__(self, settings: KubeletSettings, authorizer: Authorizer) -> None:
        self._settings = settings
        self._authorizer = authorizer

    async def log(self, call: Call) -> Response:
        query, request = call.context.query, call.context.request
        parameters = log_parameters(query, call.name)
        pod = await pod_of(call, call.name)
        container = choose_container(pod, first(query, "container"))
        node_name = pod.get("spec", {}).get("nodeName")
        if not node_name:
            return Response(204)
        path = f"/containerLogs/{call.namespace}/{call.name}/{container}"
        node = await node_of(call, node_name)
        target = kubelet(node, self._settings, path, encoded(parameters))
        if flag(query, "insecureSkipTLSVerifyBackend"):
            target = replace(target, tls=self._settings.insecure_context)
        protocol = log_protocol(request) if is_websocket(request) else None

        def failed(text: str) -> ProxyFailed:
            return ProxyFailed(f'Get "{target.url}": {text}')

        backend = await opened(call, target, failed)
        try:
            headers = [(b"host", target.authority.encode()), (b"user-agent", b"kapiserver")]
            head = await backend.ask("GET", target, headers, None)
            if not 200 <= head.status_code <= 206:
                body, _ = await backend.read_up_to(_LOG_ERROR_BYTES)
                text = body[:_LOG_ERROR_BYTES].decode("utf-8", "replace")
                raise log_refusal(head.status_code, text, call.name)
        except BackendError as error:
            await backend.close()
            raise failed(str(error)) from error
        except BaseException:
            await backend.close()
            raise
        if protocol is not None:
            return log_messages(request, protocol, relay(backend))
        fields = [(b"content-type", b"text/plain")]
        return Response(200, fields, stream=relay(backend), patient=True)

    async def execute(self, call: Call) -> Response:
        return await self._stream(call, "exec")

    async def attach(self, call: Call) -> Response:
        return await self._stream(call, "attach")

    async def _stream(self, call: Call, action: str) -> Response:
        self._check_create(call)
        query = call.context.query
        pod = await pod_of(call, call.name)
        container = choose_container(pod, first(query, "container"))
        commands = query.get("command", []) if action == "exec" else []
        path = f"/{action}/{call.namespace}/{call.name}/{container}"
        node, target = await self._target(call, pod, path, stream_parameters(query, commands))
        if translate.needed(call, node, translate.CHANNELS):
            return await translate.command(call, target, asked_channels(query))
        return await upgrade(call, target)

    async def port_forward(self, call: Call) -> Response:
        self._check_create(call)
        ports = call.context.query.get("ports", [])
        for port in ports:
            _check_integer(port)
        pod = await pod_of(call, call.name)
        path = f"/portForward/{call.namespace}/{call.name}"
        parameters = [("port", ",".join(ports))] if ports else []
        node, target = await self._target(call, pod, path, parameters)
        if translate.needed(call, node, translate.TUNNEL):
            return await translate.tunnel(call, target)
        return await upgrade(call, target)

    async def _target(
        self, call: Call, pod: Pod, path: str, parameters: Parameters
    ) -> tuple[Mapping[str, Any], Target]:
        node_name = pod.get("spec", {}).get("nodeName")
        if not node_name:
            raise BadRequest(f"pod {call.name} does not have a host assigned")
        node = await node_of(call, node_name)
        target = kubelet(node, self._settings, path, encoded(parameters))
        if not call.context.request.upgradable:
            raise BadRequest("Upgrade request required")
        return node, target

    def _check_create(self, call: Call) -> None:
        """A WebSocket is a GET, but what it does needs the right to create all the same."""
        attributes = replace(attributes_of(call.context), verb="create")
        decision, reason = self._authorizer.authorize(attributes)
        if decision is not Decision.ALLOW:
            raise forbidden(attributes, reason)


async def pod_of(call: Call, name: str) -> Pod:
    stored = await call.scope.objects.get(call.namespace, name)
    if stored is None:
        raise NotFound.of("", "pods", name)
    return stored.decoded()


def choose_container(pod: Pod, asked: str) -> str:
    """The container that is meant. Raises BadRequest when that is not clear or not there."""
    spec, name = pod.get("spec", {}), pod["metadata"]["name"]
    names = [c["name"] for part in _CONTAINER_LISTS for c in spec.get(part) or ()]
    if asked:
        if asked not in names:
            raise BadRequest(f"container {asked} is not valid for pod {name}")
        return asked
    containers = spec.get("containers") or []
    if len(containers) == 1:
        return str(containers[0]["name"])
    choices = f", choose one of: [{' '.join(names)}]" if containers else ""
    raise BadRequest(f"a container name must be specified for pod {name}{choices}")


def log_parameters(query: Query, name: str) -> Parameters:
    """The kubelet's parameters. Raises BadRequest for what is no number, Invalid for the rest."""
    numbers: dict[str, int] = {}
    for parameter in ("sinceSeconds", "tailLines", "limitBytes"):
        text = first(query, parameter)
        if text:
            _check_integer(text)
            numbers[parameter] = int(text)
    since, stream = first(query, "sinceTime"), first(query, "stream")
    if since and not _RFC3339.fullmatch(since):
        raise BadRequest(
            f'parsing time "{since}" as "2006-01-02T15:04:05Z07:00": '
            f'cannot parse "{since}" as "2006"'
        )
    causes = _log_faults(numbers, since, stream)
    if causes:
        raise Invalid.of("", "PodLogOptions", name, causes)
    flags = ("follow", "previous", "timestamps")
    found: Parameters = [(p, "true") for p in flags if flag(query, p)]
    found += [(parameter, str(number)) for parameter, number in numbers.items()]
    found += [("sinceTime", since)] if since else []
    found += [("stream", stream)] if stream else []
    return found


def _log_faults(numbers: dict[str, int], since: str, stream: str) -> list[Cause]:
    causes: list[Cause] = []
    if numbers.get("tailLines", 0) < 0:
        text = "must be greater than or equal to 0"
        causes.append(invalid("tailLines", numbers["tailLines"], text))
    if numbers.get("limitBytes", 1) < 1:
        causes.append(invalid("limitBytes", numbers["limitBytes"], "must be greater than 0"))
    if "sinceSeconds" in numbers and since:
        text = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(forbidden_field("", text))
    elif numbers.get("sinceSeconds", 1) < 1:
        causes.append(invalid("sinceSeconds", numbers["sinceSeconds"], "must be greater than 0"))
    if stream and stream not in _LOG_STREAMS:
        causes.append(not_supported("stream", stream, _LOG_STREAMS))
    elif stream not in ("", "All") and "tailLines" in numbers:
        text = "`tailLines` and specific `stream` are mutually exclusive for now"
        causes.append(forbidden_field("", text))
    return causes


def stream_parameters(query: Query, commands: list[str]) -> Parameters:
    found = [("command", part) for part in commands]
    for asked, sent in (("stderr", "error"), ("stdin", "input"), ("stdout", "output")):
        if flag(query, asked):
            found.append((sent, "1"))
    return [*found, ("tty", "1")] if flag(query, "tty") else found


def asked_channels(query: Query) -> list[int]:
    """The channels of a command, in the order in which a kubelet expects their streams."""
    tty = flag(query, "tty")
    wanted = {
        translate.STDIN: flag(query, "stdin"),
        translate.STDOUT: flag(query, "stdout"),
        translate.STDERR: flag(query, "stderr") and not tty,
        translate.RESIZE: tty,
    }
    return [translate.ERROR, *(channel for channel, asked in wanted.items() if asked)]


def encoded(parameters: Parameters) -> str:
    """Sorted by name, as Go encodes them."""
    ordered = sorted(parameters, key=lambda parameter: parameter[0])
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in ordered)


def _check_integer(text: str) -> None:
    if not _INTEGER.fullmatch(text):
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')


def log_refusal(status: int, text: str, name: str) -> ApiError:
    """The kubelet said no; its text is the useful part."""
    if status == 500:
        return InternalError(f"Internal error occurred: {text}")
    if status == 400:
        return BadRequest(text)
    what = f"( pods/log {name})"
    known = {
        401: ("Unauthorized", "the server has asked for the client to provide credentials"),
        403: ("Forbidden", text),
        404: ("NotFound", "the server could not find the requested resource"),
        503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    }
    reason, message = known.get(
        status, ("", f"the server responded with the status code {status} but did not return more "
                 "information")
    )  # fmt: skip
    return KubeletRefused(status, reason, f"{message} {what}", name=name, kind="pods/log")
