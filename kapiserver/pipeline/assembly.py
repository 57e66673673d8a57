"""The pipeline put together: every stage that a request passes, in order, in one list.

The order is fixed: authn, audit, flow control, impersonation, authz. Flow control has its place
between audit and impersonation; it is a stage like the others (`pipeline.stage`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kapiserver.admission.plugin import AdmissionSettings, Known
from kapiserver.admission.plugins import make_chain
from kapiserver.api import version
from kapiserver.api.call import WATCH_SECONDS, Services
from kapiserver.api.companion import Companion
from kapiserver.api.discovery import Discovery
from kapiserver.api.health import Health
from kapiserver.api.paths import PathHandler, Paths, WaitingPathHandler, by_segments, routed
from kapiserver.api.reviews import review_verbs
from kapiserver.api.router import ResourceRouter, Verb
from kapiserver.api.scope import Scopes
from kapiserver.audit.stage import Audit, Sink
from kapiserver.authn import bearer
from kapiserver.authn.authenticator import Authentication, Authenticator
from kapiserver.authz.authorizer import Authorization, Authorizer
from kapiserver.authz.impersonation import Impersonation
from kapiserver.pipeline.dispatcher import REQUEST_SECONDS, PipelineDispatcher
from kapiserver.pipeline.http_policy import NO_POLICY, HttpPolicy
from kapiserver.pipeline.stage import Stage
from kapiserver.proxying import KubeletSettings, connect_verbs

# What is shown at `/` for handlers that answer other paths than that of their first segment.
_BELOW: Mapping[str, Sequence[str]] = {
    ".well-known": ("/.well-known/openid-configuration",),
    "openid": ("/openid/v1/jwks",),
    "metrics": ("/metrics", "/metrics/slis"),
    "openapi": ("/openapi/v2", "/openapi/v3", "/openapi/v3/"),
    **dict.fromkeys(("healthz", "livez", "readyz"), ()),
}

# Events are for looking at, not for keeping.
DEFAULT_LIFETIMES = {"events": 3600, "events.events.k8s.io": 3600}


def make_services(
    scopes: Scopes,
    *,
    admission: AdmissionSettings = AdmissionSettings(),  # noqa: B008  immutable
    lifetimes: Mapping[str, int] = DEFAULT_LIFETIMES,
    companions: Mapping[str, Companion] | None = None,
    watch_seconds: float = WATCH_SECONDS,
) -> Services:
    """What the verbs share."""
    known = Known(lambda group, plural: scopes.stored(group, plural).objects, admission)
    return Services(
        scopes, make_chain(known), lifetimes, companions or {}, watch_seconds=watch_seconds
    )


def make_dispatcher(
    services: Services,
    *,
    authenticators: Sequence[Authenticator],
    authorizer: Authorizer,
    health: Health,
    audit_sinks: Sequence[Sink] = (),
    observers: Sequence[Stage] = (),
    virtual: Mapping[str, Verb] | None = None,
    connect: Mapping[tuple[str, str], Verb] | None = None,
    more_paths: Mapping[str, PathHandler] | None = None,
    waiting_paths: Mapping[str, WaitingPathHandler] | None = None,
    kubelets: KubeletSettings = KubeletSettings(),  # noqa: B008  immutable
    request_seconds: float = REQUEST_SECONDS,
    policy: HttpPolicy = NO_POLICY,
) -> PipelineDispatcher:
    stages: list[Stage] = [
        *observers,
        Authentication(authenticators, bearer.remark),
        Audit(audit_sinks),
        Impersonation(authorizer),
        Authorization(authorizer),
    ]
    verbs = {**review_verbs(authorizer), **(virtual or {})}
    registry = services.scopes.registry
    discovery = by_segments(Discovery(registry, encoder=services.scopes.encoder).respond)
    handlers: dict[str, PathHandler] = {
        "api": discovery,
        "apis": discovery,
        "healthz": health.respond,
        "livez": health.respond,
        "readyz": health.respond,
        "version": routed(version.respond, "/version", "application/json"),
        **(more_paths or {}),
    }

    def listed() -> list[str]:
        paths = [*health.paths(), "/apis/"]
        for name in handlers:
            paths += _BELOW.get(name, (f"/{name}",))
        for group in registry.groups():
            base = f"/apis/{group}" if group else "/api"
            paths += [base] if group else []
            paths += [f"{base}/{version}" for version in registry.group_versions(group)]
        return paths

    paths = Paths(handlers, listed, waiting_paths)
    asking = replace(services, authorizer=authorizer)
    connected = {**connect_verbs(kubelets, authorizer), **(connect or {})}
    router = ResourceRouter(asking, verbs, connected)
    return PipelineDispatcher(
        stages,
        router,
        paths,
        services.scopes.encoder,
        request_seconds=request_seconds,
        policy=policy,
    )
