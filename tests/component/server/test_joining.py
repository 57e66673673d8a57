"""What a machine is given when it joins: all that it needs to be a node like the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from kapiserver.cluster.joining import JoinDesk
from kapiserver.cluster.tokens import JoinTokens
from kapiserver.config import make_config
from kapiserver.pki import Authority, new_signing_key, signing_key
from kapiserver.server.settings import store_config, token_key_of
from raftstore import open_store
from raftstore.transport import JoinRefused


async def test_a_node_that_joins_makes_the_same_tokens(tmp_path: Path) -> None:
    key = tmp_path / "sa.key"
    key.write_bytes(new_signing_key())
    config = make_config(
        {"data-dir": str(tmp_path / "data"), "service-account-signing-key-file": str(key)}
    )
    desk = JoinDesk(Authority.create(), token_key_of(config))
    async with open_store(store_config(config, desk)) as store:
        await store.wait_leader()
        desk.open(store)
        wanted = {"name": "b", "peer_address": "127.0.0.1:1", "url": "https://127.0.0.1:2"}
        with pytest.raises(JoinRefused, match="the token is not valid"):
            await desk.answer({**wanted, "token": "guessed.secret"})
        token = await JoinTokens(store).create(60.0)
        answer = await desk.answer({**wanted, "token": token})
        assert answer["cluster_id"] == store.cluster_id
        given = signing_key(answer["token_key"]).public
        assert given.kid == signing_key(key.read_bytes()).public.kid
