"""Every answer says when it was made, once."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from pathlib import Path

from http_support import H1Client, H2Client, TestDispatcher, running

from kapiserver.request import Request, Response

THEN = b"Sun, 06 Nov 1994 08:49:37 GMT"


async def passed_on(request: Request) -> Response:
    return Response(headers=[(b"date", THEN)], body=b"from somewhere else")


async def test_answers_have_a_date_and_keep_that_of_a_backend(certificates: Path) -> None:
    async with running(certificates, TestDispatcher(routes={"/old": passed_on})) as server:
        h1, h2 = await H1Client.open(server), await H2Client.open(server)
        for path in ("/fast", "/nothing"):
            answer = await h1.get(path)
            parsedate_to_datetime(answer.headers[b"date"].decode())
            stream = await h2.request(path)
            await h2.answer(stream)
            parsedate_to_datetime(h2.headers[stream][b"date"].decode())
        assert (await h1.get("/old")).headers[b"date"] == THEN
        stream = await h2.request("/old")
        await h2.answer(stream)
        assert h2.headers[stream][b"date"] == THEN
