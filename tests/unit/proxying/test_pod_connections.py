"""Running something in a pod takes the right to create, whatever the method of the request."""

from __future__ import annotations

from typing import cast

import pytest

from kapiserver.api.call import Call, Services
from kapiserver.api.scope import Scope
from kapiserver.authz.authorizer import NO_OPINION, Attributes, Decision, Verdict
from kapiserver.errors import Forbidden
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.request_info import parse
from kapiserver.proxying import KubeletSettings, connect_verbs
from kapiserver.request import Connection, Request, UserInfo


class MayGet:
    """Allows every get and nothing else."""

    def authorize(self, attributes: Attributes) -> Verdict:
        return (Decision.ALLOW, "") if attributes.verb == "get" else NO_OPINION


class NamespacedScope:
    class definition:  # noqa: N801
        namespaced = True


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
async def test_get_is_not_enough(subresource: str) -> None:
    path = f"/api/v1/namespaces/default/pods/web/{subresource}"
    request = Request("GET", path, b"", (), Connection(None, None, None), "1.1", None)
    context = RequestContext(request, parse("GET", path))
    context.user = UserInfo("jane")
    call = Call(cast(Services, None), context, cast(Scope, NamespacedScope))
    verbs = connect_verbs(KubeletSettings(), MayGet())
    with pytest.raises(Forbidden) as refused:
        await verbs["pods", subresource](call)
    assert refused.value.message == (
        f'pods "web" is forbidden: User "jane" cannot create resource "pods/{subresource}" '
        'in API group "" in the namespace "default"'
    )
