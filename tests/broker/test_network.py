"""The way to an upstream, below HTTP: whom it trusts, what it does when a connection ends, and how much it holds."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading

import anthropic
import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.broker.broker import Broker
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.network import Network
from sandbox.broker.rules import BrokerConfig
from tests.broker.conftest import CONFIG, EAGER, PRICES, World
from tests.broker.scripted import KEY, Fail, Say, Script, TcpServer, text
from tests.broker.test_way import ASK


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine's own making, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "here.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextlib.contextmanager
def secret_world(folder, certificate, steps):
    """A broker before an upstream that speaks TLS."""
    script = Script(steps)
    server = TcpServer(script)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    config = BrokerConfig(CONFIG.policy, f"https://127.0.0.1:{server.server_port}", patience=EAGER)
    broker = Broker(config, KEY, Ledger(Budgets()), prices=PRICES)
    try:
        with broker, broker.serve(folder / "door", "c1") as door, contextlib.ExitStack() as closing:
            yield World(broker, door, broker.ledger, broker.transcripts, script, None, closing)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_who_cannot_prove_who_he_is_is_not_told_the_key(tmp_path, certificate):
    with secret_world(tmp_path, certificate, []) as made:
        with pytest.raises(anthropic.APIStatusError) as refused:
            made.client().messages.create(**ASK)
        assert (refused.value.status_code, made.script.requests) == (502, [])
        assert [tried["failure"] for tried in made.exchanges()[0]["attempts"]] == ["Unreachable: ConnectError"] * 4
        assert made.ledger.run.micro_usd == 0


def test_who_can_is_spoken_to_in_secret(tmp_path, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    long = "x" * 3_000_000  # many records, both ways
    with secret_world(tmp_path, certificate, [Say([text(long)]), Fail(529), Say([text("again")])]) as made:
        messages = [{"role": "user", "content": long}]
        assert made.client().messages.create(**{**ASK, "messages": messages}).content[0].text == long
        assert made.client().messages.create(**ASK).content[0].text == "again"
        assert made.script.requests[0]["messages"] == messages


def wired(serve, work):
    """Have `work` use one connection to a server that does `serve`."""

    async def both():
        over = asyncio.Event()

        async def served(reader, writer):
            try:
                await serve(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
                over.set()

        async with await asyncio.start_server(served, "127.0.0.1", 0) as server:
            wire = await Network().connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1], 5)
            try:
                return await work(wire)
            finally:
                await wire.aclose()
                await over.wait()

    return asyncio.run(both())


def test_what_came_before_a_connection_broke_is_read_before_that_is_said():
    async def serve(reader, writer):
        writer.write(b"an answer")
        await writer.drain()
        await reader.read(1)
        writer.transport.abort()

    async def work(wire):
        first = await wire.read(2, 5)
        await wire.write(b"x")
        rest = await wire.read(100, 5)
        with contextlib.suppress(httpcore2.ReadError):
            assert await wire.read(100, 5) == b""
        return first + rest

    assert wired(serve, work) == b"an answer"


def test_two_things_that_were_written_leave_as_one():
    pieces = []

    async def serve(reader, writer):
        pieces.append(await reader.read(100))
        writer.write(b"y")

    async def work(wire):
        await wire.write(b"head")
        await wire.write(b"body")
        return await wire.read(1, 5)

    assert wired(serve, work) == b"y"
    assert pieces == [b"headbody"]


def test_silence_ends_and_the_connection_is_known_to_be_closed():
    gone = asyncio.Event()

    async def serve(reader, writer):
        await gone.wait()
        writer.close()

    async def work(wire):
        with pytest.raises(httpcore2.ReadTimeout):
            await wire.read(1, 0.05)
        assert not wire.get_extra_info("is_readable")
        gone.set()
        assert await wire.read(1, 5) == b""
        return wire.get_extra_info("is_readable")

    assert wired(serve, work)


def test_who_does_not_read_holds_only_so_much():
    sent = []

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError):
            for _ in range(1_000):
                writer.write(b"z" * 65_536)
                await writer.drain()
                sent.append(65_536)

    async def work(wire):
        await wire.read(1, 5)
        before = -1
        while before < len(sent):  # until the server waits
            before = len(sent)
            await asyncio.sleep(0.3)
        return len(wire._ends._came)

    assert wired(serve, work) < 1_000_000
    assert len(sent) < 1_000
