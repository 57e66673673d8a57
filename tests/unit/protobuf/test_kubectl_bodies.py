"""Bodies that kubectl 1.37.1 sent, beside what the same command prints as JSON.

The objects are those of `--dry-run=client -o json`, without nulls. The jobs at the end were made
from cron jobs in which every field of the whole closure is set: 130 messages.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from kapiserver.resources.protobuf import Messages, open_envelope
from kapiserver.resources.registry import builtin_registry

RECORDED = orjson.loads(Path(__file__).with_name("kubectl_bodies.json").read_bytes())


@pytest.mark.parametrize("sent", RECORDED, ids=[sent["command"] for sent in RECORDED])
def test_a_body_becomes_the_object_that_json_would_have_been(
    sent: dict[str, Any], messages: Messages
) -> None:
    envelope = open_envelope(base64.b64decode(sent["body"]))
    group, _, version = envelope.api_version.rpartition("/")
    found = builtin_registry().lookup_kind(group, version, envelope.kind)
    assert found is not None
    obj = messages.get(found[1].schema).read(envelope.raw)
    obj |= {"apiVersion": envelope.api_version, "kind": envelope.kind}
    assert obj == sent["object"]
