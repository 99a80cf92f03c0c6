"""The way to an upstream, below HTTP: whom it trusts, what it does when a connection ends, and how much it holds."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading

import anthropic
import h11
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.broker.broker import Broker
from sandbox.broker.ends import Ends
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.network import Wire
from sandbox.broker.rules import BrokerConfig
from sandbox.broker.upstream import Address, Cut, HttpUpstream, Silent, Unreachable, address_of
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
        assert [tried["failure"] for tried in made.exchanges()[0]["attempts"]] == [
            "Unreachable: SSLCertVerificationError"
        ] * 4
        assert made.ledger.run.micro_usd == 0


def test_who_can_is_spoken_to_in_secret(tmp_path, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    long = "x" * 3_000_000  # many records, both ways
    with secret_world(tmp_path, certificate, [Say([text(long)]), Fail(529), Say([text("again")])]) as made:
        messages = [{"role": "user", "content": long}]
        assert made.client().messages.create(**{**ASK, "messages": messages}).content[0].text == long
        assert made.client().messages.create(**ASK).content[0].text == "again"
        assert made.script.requests[0]["messages"] == messages


ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REQUEST = h11.Request(method="POST", target="/v1/messages", headers=[("host", "here"), ("content-length", "4")])


def served(serve, work):
    """Have `work` use a server that does `serve` with each connection; it is given the address."""

    async def both():
        over = asyncio.Event()

        async def one(reader, writer):
            try:
                await serve(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
                over.set()

        async with await asyncio.start_server(one, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            try:
                return await work(Address("127.0.0.1", port, f"127.0.0.1:{port}", ""))
            finally:
                await over.wait()

    return asyncio.run(both())


def wired(serve, work):
    """Have `work` use one connection to a server that does `serve`."""

    async def connected(address):
        wire = await Wire.open(address, 5)
        try:
            return await work(wire)
        finally:
            wire.close()

    return served(serve, connected)


async def whole(wire, silence=5):
    """Ask once; return the status and the body."""
    answer = await wire.ask(REQUEST, b"ping", silence)
    return answer.status_code, b"".join([piece async for piece in wire.pieces(silence)])


def test_a_request_leaves_as_one_and_the_next_follows_on_the_same_connection():
    pieces = []

    async def serve(reader, writer):
        for _ in range(2):
            pieces.append(await reader.read(1_000))
            writer.write(ANSWER)

    async def work(wire):
        return [(await whole(wire), wire.rest()) for _ in range(2)]

    assert wired(serve, work) == [((200, b"ok"), True)] * 2
    assert [piece.endswith(b"\r\n\r\nping") for piece in pieces] == [True, True]


def test_what_came_before_a_connection_broke_is_read_before_that_is_said():
    async def serve(reader, writer):
        await reader.read(1_000)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nan answer")
        await writer.drain()

    async def work(wire):
        await wire.ask(REQUEST, b"ping", 5)
        pieces = wire.pieces(5)
        first = await anext(pieces)
        with pytest.raises(Cut):
            await anext(pieces)
        return first, wire.rest()

    assert wired(serve, work) == (b"an answer", False)


def test_who_hangs_up_or_speaks_no_http_gave_no_answer():
    for said in (b"", b"good morning\r\n\r\n"):

        async def serve(reader, writer, said=said):
            await reader.read(1_000)
            writer.write(said)

        async def work(wire):
            with pytest.raises(Cut):
                await wire.ask(REQUEST, b"ping", 5)
            return wire.rest()

        assert wired(serve, work) is False


def test_where_nobody_listens_nothing_was_sent():
    async def serve(reader, writer):
        await reader.read(1)

    async def work(address):
        gone = Address("127.0.0.1", 9, "127.0.0.1:9", "")
        with pytest.raises(Unreachable, match="ConnectionRefusedError"):
            await Wire.open(gone, 5)
        (await Wire.open(address, 5)).close()

    served(serve, work)


def test_silence_ends_and_nothing_more_is_asked_on_that_connection():
    gone = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"ping")
        writer.write(ANSWER)
        await reader.readuntil(b"ping")
        await gone.wait()

    async def work(wire):
        first = await whole(wire), wire.rest(), wire.is_quiet
        with pytest.raises(Silent):
            await wire.ask(REQUEST, b"ping", 0.05)
        assert not wire.rest()
        gone.set()
        return first

    assert wired(serve, work) == ((200, b"ok"), True, True)


def test_a_connection_that_was_closed_while_it_rested_is_not_used_again():
    async def serve(reader, writer):
        await reader.readuntil(b"ping")
        writer.write(ANSWER)

    async def work(wire):
        await whole(wire)
        wire.rest()
        while wire.is_quiet:
            await asyncio.sleep(0.01)
        return True

    assert wired(serve, work)


def test_who_does_not_read_holds_only_so_much():
    sent = []

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError):
            for _ in range(1_000):
                writer.write(b"z" * 65_536)
                await writer.drain()
                sent.append(65_536)

    async def work(address):
        ends = Ends()
        await asyncio.get_running_loop().create_connection(lambda: ends, address.host, address.port)
        await ends.take()
        before = -1
        while before < len(sent):  # until the server waits
            before = len(sent)
            await asyncio.sleep(0.3)
        try:
            return len(await ends.take())
        finally:
            ends.abort()

    assert served(serve, work) < 1_000_000
    assert len(sent) < 1_000


def asked(calls, *, closes=False):
    """Return what each of `calls` batches of requests was answered, how many connections that took, and what rests."""
    connections = []

    async def each(reader, writer):
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"ping")
                writer.write(ANSWER)
                if closes:
                    break
        writer.close()

    async def one(upstream):
        async with upstream.open("/v1/messages", b"ping", 0) as reply:
            return reply.status, b"".join([piece async for piece in reply.pieces()])

    async def all_of_them():
        async with await asyncio.start_server(each, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            upstream = HttpUpstream(BrokerConfig(CONFIG.policy, f"http://127.0.0.1:{port}"), KEY)
            answers = [await asyncio.gather(*(one(upstream) for _ in range(number))) for number in calls]
            resting = len(upstream._resting)
            await upstream.close()
            for writer in connections:
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
            return answers, len(connections), resting

    return asyncio.run(all_of_them())


def test_calls_one_after_the_other_share_a_connection_and_calls_at_once_do_not():
    assert asked([1, 1, 3, 1]) == ([[(200, b"ok")] * number for number in (1, 1, 3, 1)], 3, 3)


@pytest.mark.parametrize("pause", [0, 0.05])
def test_what_came_behind_an_answer_is_the_answer_to_nothing(pause):
    async def serve(reader, writer):
        await reader.readuntil(b"ping")
        writer.write(ANSWER)
        if pause:
            await asyncio.sleep(pause)
        writer.write(ANSWER.replace(b"ok", b"no"))
        await reader.read()

    async def work(wire):
        answer = await whole(wire)
        await asyncio.sleep(2 * pause)
        return answer, wire.rest() and wire.is_quiet

    assert wired(serve, work) == ((200, b"ok"), False)


def test_only_so_many_connections_rest():
    answers, connections, resting = asked([80])
    assert (answers, connections, resting) == ([[(200, b"ok")] * 80], 80, 64)


def test_a_server_that_hangs_up_after_each_answer_costs_no_call():
    answers, connections, _ = asked([1, 1, 1], closes=True)
    assert (answers, connections) == ([[(200, b"ok")]] * 3, 3)


def test_connections_that_rested_too_long_are_not_used_again(monkeypatch):
    monkeypatch.setattr("sandbox.broker.upstream._KEPT_SECONDS", 0.0)
    assert asked([1, 1]) == ([[(200, b"ok")]] * 2, 2, 0)


def test_an_answer_that_came_before_the_request_was_read_leaves_no_connection_to_use_again():
    async def serve(reader, writer):
        await reader.readuntil(b"ping")
        writer.write(ANSWER.replace(b"200 OK", b"413 No"))
        await done.wait()

    done = asyncio.Event()

    async def work(wire):
        size = 64_000_000  # more than any kernel takes for somebody who does not read
        request = h11.Request(method="POST", target="/", headers=[("host", "here"), ("content-length", str(size))])
        answer = await wire.ask(request, b"ping" + bytes(size - 4), 5)
        said = b"".join([piece async for piece in wire.pieces(5)])
        found = answer.status_code, said, wire.rest(), wire.is_quiet
        done.set()
        return found

    assert wired(serve, work) == (413, b"ok", True, False)


@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_an_answer_in_secret_is_whole_though_the_server_hangs_up_behind_it(certificate, size):
    """uvloop drops what lies above a paused TLS transport when the end comes."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    said = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"z" * size
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(10):
            with listener.accept()[0] as made, server_side.wrap_socket(made, server_side=True) as secret:
                secret.recv(1_000)
                secret.sendall(said)

    async def work():
        believed = ssl.create_default_context(cafile=str(certificate))
        found = []
        for _ in range(10):
            wire = await Wire.open(Address(*listener.getsockname(), "here", "", believed), 5)
            found.append(len((await whole(wire))[1]))
            wire.close()
            await wire.closed()
        return found

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        assert uvloop.run(work()) == [size] * 10
        thread.join()


NO_ADDRESS = [
    "http://", "https:///v1", "ftp://here", "http://here:port", "http://[::1", "htps://here:8443", "ftp://here:21",
    "wss://here:443",
]  # fmt: skip


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_an_address_that_is_none_cannot_be_reached_and_no_key_is_sent_in_the_clear(address):
    async def work():
        async with HttpUpstream(BrokerConfig(CONFIG.policy, address), KEY).open("/v1/messages", b"", 0):
            pass

    with pytest.raises(Unreachable, match="its address is none"):
        asyncio.run(work())


def test_a_host_that_no_name_server_could_know_is_unreachable():
    async def work():
        await Wire.open(Address("a..b", 1, "a..b:1", ""), 5)

    with pytest.raises(Unreachable):
        uvloop.run(work())


@pytest.mark.parametrize(
    ("address", "called"),
    [
        ("http://[::1]:80/v/", "[::1]:80"),
        ("https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "xn--bcher-kva.example"),
        ("unix:/run/model.sock", "localhost"),
    ],
)
def test_a_server_is_called_by_the_name_that_it_was_given(address, called):
    assert address_of(address).authority == called


def test_a_key_that_no_header_can_hold_is_sent_to_nobody():
    async def work():
        async with HttpUpstream(BrokerConfig(CONFIG.policy, "http://127.0.0.1:9"), "a\nb").open("/v1/messages", b"", 0):
            pass

    with pytest.raises(Unreachable, match="cannot be asked"):
        asyncio.run(work())
