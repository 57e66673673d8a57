"""Start, certificates, drain and end; and a real kubectl."""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from http_support import (
    PATIENCE,
    H1Client,
    H2Client,
    TestDispatcher,
    client_context,
    connect,
    make_certificates,
    running,
    still_serves,
    write_certificate,
)

from kapiserver.http import AddressInUse, BadCertificate, KapiApp, bind
from kapiserver.request import Request, Response


def test_a_busy_port_is_named_before_anything_runs() -> None:
    first = bind("127.0.0.1", 0)
    port = first[0].getsockname()[1]
    with pytest.raises(AddressInUse, match=rf"port {port} .* --secure-port"):
        bind("127.0.0.1", port)
    for sock in first:
        sock.close()


def test_all_addresses_of_a_name_share_one_port() -> None:
    sockets = bind("localhost", 0)
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize("certificate", [None, "client", "stranger"])
async def test_any_client_certificate_or_none_reaches_the_dispatcher(
    certificates: Path, certificate: str | None
) -> None:
    ca = certificates / "ca.crt"
    for client_ca in (None, ca):
        async with running(certificates, client_ca_file=client_ca) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = client_context(certificates, ["http/1.1"], certificate)
                context.maximum_version = version
                raw = await trio.open_tcp_stream("127.0.0.1", server.port)
                stream = trio.SSLStream(raw, context, server_hostname="localhost")
                await stream.do_handshake()
                assert (await H1Client(stream).get("/echo")).status == 200
                der = server.dispatcher.seen[-1].connection.peer_certificate
                if certificate is None:
                    assert der is None
                else:
                    assert der is not None
                    subject = x509.load_der_x509_certificate(der).subject
                    assert subject.rfc4514_string() == f"CN={certificate}"
                await stream.transport_stream.aclose()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_resumed_session_still_carries_the_certificate(
    certificates: Path, version: ssl.TLSVersion
) -> None:
    async with running(certificates) as server:
        context = client_context(certificates, ["http/1.1"], "client")
        context.maximum_version = version

        def visit(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool | None]:
            raw = socket.create_connection(("127.0.0.1", server.port))
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                sock.sendall(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
                assert sock.recv(65536).startswith(b"HTTP/1.1 200")
                return sock.session, sock.session_reused

        session, _ = await trio.to_thread.run_sync(visit, None)
        _, reused = await trio.to_thread.run_sync(visit, session)
        assert reused
        first, second = (r.connection.peer_certificate for r in server.dispatcher.seen)
        assert first is not None
        assert first == second


async def test_unusable_files_are_named_at_the_start(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    (tmp_path / "server.key").write_bytes((tmp_path / "client.key").read_bytes())
    with pytest.RaisesGroup(
        pytest.RaisesExc(BadCertificate, match=r"server\.key.*--tls-cert-file")
    ):
        async with running(tmp_path):
            pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_old_tls_is_refused(certificates: Path) -> None:
    async with running(certificates) as server:
        context = client_context(certificates, ["h2"])
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        stream = trio.SSLStream(await trio.open_tcp_stream("127.0.0.1", server.port), context)
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()
        await still_serves(server)


async def test_a_new_certificate_is_served_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificates(tmp_path)
    async with running(tmp_path, reload_interval=0.0) as server:

        async def serial() -> int:
            stream = await connect(server, ["h2"])
            der = stream.getpeercert(binary_form=True)
            await stream.transport_stream.aclose()
            assert der is not None
            return x509.load_der_x509_certificate(der).serial_number

        old_connection = await H2Client.open(server)
        first = await serial()
        write_certificate(tmp_path, "server", "ca", ec.generate_private_key(ec.SECP256R1()))
        second = await serial()
        assert second != first
        good = (tmp_path / "server.crt").read_bytes()
        (tmp_path / "server.crt").write_bytes(b"not a certificate")
        assert await serial() == second
        assert "keeping the old one" in caplog.text
        (tmp_path / "server.crt").unlink()
        assert await serial() == second
        (tmp_path / "server.crt").write_bytes(good)
        assert await serial() == second
        assert await old_connection.get("/fast") == b"xxxxx"


async def test_drain_ends_watches_finishes_requests_and_takes_no_new_ones(
    certificates: Path,
) -> None:
    dispatcher = TestDispatcher(wanted_watchers=2)
    async with running(certificates, dispatcher, grace_period=30) as server:
        h2, h1, h1_watch = (
            await H2Client.open(server),
            await H1Client.open(server),
            await H1Client.open(server),
        )
        idle = await H1Client.open(server)
        watch, slow = await h2.request("/watch"), await h2.request("/never")
        await h1.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        await h1_watch.send(b"GET /watch HTTP/1.1\r\nHost: a\r\n\r\n")
        with trio.fail_after(PATIENCE):
            await dispatcher.watching.wait()
        await dispatcher.until(lambda: len(dispatcher.seen) == 4)
        server.shutdown.set()
        await h2.until(lambda: watch in h2.ended and len(h2.goaways) > 0)
        assert (await h1_watch.answer()).body == b""
        assert await idle.closed()
        with pytest.raises(OSError, match="connect"):
            await trio.open_tcp_stream("127.0.0.1", server.port)
        assert not server.ended.is_set()
        dispatcher.release.set()
        assert await h2.answer(slow) == b"late"
        answer = await h1.answer()
        assert (answer.body, answer.headers[b"connection"]) == (b"late", b"close")
        assert await h1.closed()
        await h2.until(lambda: h2.eof)
        assert h2.goaways[-1][1] == 0
        with trio.fail_after(PATIENCE):
            await server.ended.wait()


async def test_what_outlasts_the_grace_period_is_cut(certificates: Path) -> None:
    async with running(certificates, grace_period=0.3) as server:
        client = await H1Client.open(server)
        await client.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        await server.dispatcher.until(lambda: bool(server.dispatcher.seen))
        with trio.fail_after(PATIENCE):
            server.shutdown.set()
            await server.ended.wait()
        assert await client.closed()


async def test_finished_requests_are_reported(certificates: Path) -> None:
    facts: list[tuple[str, str, int, int]] = []

    def note(request: Request, status: int, sent: int, seconds: float) -> None:
        assert seconds >= 0
        facts.append((request.method, request.path, status, sent))

    async with running(certificates, on_finished=note) as server:
        for client in (await H1Client.open(server), await H2Client.open(server)):
            await client.get("/fast")
            await client.get("/early")
            await client.get("/big?10x1000")
            assert facts == [
                ("GET", "/fast", 200, 5),
                ("GET", "/early", 403, 2),
                ("GET", "/big", 200, 10_000),
            ]
            facts.clear()


async def test_kubectl_reads_a_page(certificates: Path, tmp_path: Path) -> None:
    async def healthz(request: Request) -> Response:
        return Response(body=b"ok")

    def routes(app: KapiApp) -> None:
        @app.get("/livez")
        async def livez() -> str:
            return "alive"

    kubectl = Path(sys.executable).parent / "kubectl"
    dispatcher = TestDispatcher(routes={"/healthz": healthz})
    async with running(certificates, dispatcher, routes=routes) as server:
        for path, expected in (("/healthz", b"ok"), ("/livez", b"alive")):
            command = [
                str(kubectl),
                f"--server=https://localhost:{server.port}",
                f"--certificate-authority={certificates / 'ca.crt'}",
                f"--client-certificate={certificates / 'client.crt'}",
                f"--client-key={certificates / 'client.key'}",
                "get",
                "--raw",
                path,
            ]
            result = await trio.run_process(
                command,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env={"HOME": str(tmp_path)},
            )
            assert result.stdout == expected, result.stderr
        assert dispatcher.seen[0].http_version == "2"
