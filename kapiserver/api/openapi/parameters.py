"""The parameters of operations, as tables: name, where it stands, type, what it does.

Pure data. Which request takes which is decided in `operations`.
"""

from __future__ import annotations

from typing import NamedTuple


class Parameter(NamedTuple):
    name: str
    type: str
    description: str
    place: str = "query"
    required: bool = False


NAMESPACE = Parameter(
    "namespace",
    "string",
    "The namespace of the object, such as a team or a project.",
    "path",
    True,
)
PATH = Parameter("path", "string", "The path of the URL to proxy to.", "path", True)
PRETTY = Parameter(
    "pretty",
    "string",
    "If 'true', the answer is indented. Defaults to 'false', except for browsers, curl and wget.",
)


def name_of(kind: str) -> Parameter:
    return Parameter("name", "string", f"The name of the {kind}.", "path", True)


_RESOURCE_VERSION = Parameter(
    "resourceVersion",
    "string",
    "The resource version that the answer may come from or must reach. Unset: the latest. See "
    "https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions",
)
_FIELD_SELECTOR = Parameter(
    "fieldSelector", "string", "Only objects whose fields match. Unset: all."
)
_LABEL_SELECTOR = Parameter(
    "labelSelector", "string", "Only objects whose labels match. Unset: all."
)
_LIMIT = Parameter(
    "limit",
    "integer",
    "The most objects that one answer may hold. When there are more, the answer's metadata has "
    "`continue`, with which the next part can be asked for; all parts are of one moment. Not for "
    "watches.",
)
_CONTINUE = Parameter(
    "continue",
    "string",
    "Continue a list: the `continue` of the previous part, with otherwise the same query. A value "
    "that is too old is answered with 410 ResourceExpired. Not for watches.",
)
_MATCH = Parameter(
    "resourceVersionMatch",
    "string",
    "How resourceVersion applies to a list: Exact or NotOlderThan.",
)
_SEND_INITIAL_EVENTS = Parameter(
    "sendInitialEvents",
    "boolean",
    "With `watch=true`: begin with an event for each object there is, then a bookmark annotated "
    '`"k8s.io/initial-events-end": "true"`, then go on with changes. Needs resourceVersionMatch.',
)
_TIMEOUT = Parameter(
    "timeoutSeconds", "integer", "How long a list or watch may take, whatever happens in it."
)

LIST = (
    Parameter(
        "allowWatchBookmarks",
        "boolean",
        "A watch may send events of type BOOKMARK, at moments that the server chooses.",
    ),
    _CONTINUE,
    _FIELD_SELECTOR,
    _LABEL_SELECTOR,
    _LIMIT,
    _RESOURCE_VERSION,
    _MATCH,
    _SEND_INITIAL_EVENTS,
    _TIMEOUT,
    Parameter(
        "watch", "boolean", "Send changes as they happen, in place of a list. See resourceVersion."
    ),
)

_DRY_RUN = Parameter(
    "dryRun", "string", "`All`: go through every stage of the request and store nothing."
)
_FIELD_MANAGER = Parameter(
    "fieldManager",
    "string",
    "Who makes the change: at most 128 printable characters. Needed for apply patches.",
)
_FIELD_VALIDATION = Parameter(
    "fieldValidation",
    "string",
    "What to do with unknown and duplicate fields: Ignore drops them, Warn drops them and says so "
    "in Warning headers (the default), Strict refuses the request.",
)
_FORCE = Parameter(
    "force", "boolean", "Take over fields that other managers own. Only for apply patches."
)

WRITE = (_DRY_RUN, _FIELD_MANAGER, _FIELD_VALIDATION)
PATCH = (_DRY_RUN, _FIELD_MANAGER, _FIELD_VALIDATION, _FORCE)

_DELETE_OPTIONS = (
    Parameter(
        "gracePeriodSeconds",
        "integer",
        "Seconds until the object is gone; 0 is at once. Unset: the default of the resource.",
    ),
    Parameter(
        "ignoreStoreReadErrorWithClusterBreakingPotential",
        "boolean",
        "Delete even when the stored object cannot be read. Ignores finalizers and preconditions.",
    ),
    Parameter(
        "orphanDependents", "boolean", "Deprecated: use propagationPolicy. Keep dependent objects."
    ),
    Parameter(
        "propagationPolicy",
        "string",
        "What becomes of dependent objects: Orphan, Background or Foreground.",
    ),
)
DELETE = (_DRY_RUN, *_DELETE_OPTIONS)
DELETE_COLLECTION = (
    _CONTINUE,
    _DRY_RUN,
    _FIELD_SELECTOR,
    *_DELETE_OPTIONS[:2],
    _LABEL_SELECTOR,
    _LIMIT,
    *_DELETE_OPTIONS[2:],
    _RESOURCE_VERSION,
    _MATCH,
    _SEND_INITIAL_EVENTS,
    _TIMEOUT,
)

_CONTAINER = Parameter("container", "string", "The container. Unset: the only one of the pod.")
PROXY = (Parameter("path", "string", "The path of the URL to proxy to."),)
_ATTACH = (
    _CONTAINER,
    Parameter("stderr", "boolean", "Send the standard error of the container."),
    Parameter("stdin", "boolean", "Pass standard input to the container."),
    Parameter("stdout", "boolean", "Send the standard output of the container."),
    Parameter("tty", "boolean", "Allocate a terminal."),
)
# Options of subresources that have some, by the kind that they are declared with or their name.
CONNECT: dict[str, tuple[Parameter, ...]] = {
    "NodeProxyOptions": PROXY,
    "PodProxyOptions": PROXY,
    "ServiceProxyOptions": PROXY,
    "PodAttachOptions": _ATTACH,
    "PodExecOptions": (Parameter("command", "string", "The command, not in a shell."), *_ATTACH),
    "PodPortForwardOptions": (Parameter("ports", "integer", "The ports to forward."),),
}
TEXT: dict[str, tuple[Parameter, ...]] = {
    "log": (
        _CONTAINER,
        Parameter("follow", "boolean", "Go on with new lines as they are written."),
        Parameter("insecureSkipTLSVerifyBackend", "boolean", "Do not verify who the kubelet is."),
        Parameter("limitBytes", "integer", "The most bytes to send."),
        Parameter("previous", "boolean", "The log of the container's previous run."),
        Parameter("sinceSeconds", "integer", "Only lines that are no older than this."),
        Parameter("stream", "string", "All, Stdout or Stderr."),
        Parameter("tailLines", "integer", "Only this many lines from the end."),
        Parameter("timestamps", "boolean", "Begin each line with its time."),
    ),
}
