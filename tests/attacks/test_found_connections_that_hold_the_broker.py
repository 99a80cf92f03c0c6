"""What a sandbox did with its connections to the broker: kept all others waiting, and held descriptors for nothing."""

import asyncio
import contextlib
import socket
from itertools import pairwise

import pytest

from sandbox.broker.connection import Connection, Room
from sandbox.broker.ends import Ends
from sandbox.broker.refusal import Refusal
from sandbox.broker.rules import Caps
from tests.broker.conftest import given  # noqa: F401  # a fixture
from tests.broker.test_server import connect

SMALL = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n\r\n"
FLOOD = 3_000


def test_a_flood_that_is_refused_leaves_turns_to_others(given):  # noqa: F811  # the fixture
    world = given(caps=Caps(calls=0))
    turns = []

    async def count():
        while True:
            turns.append(world.door._calls)
            await asyncio.sleep(0)

    counting = asyncio.run_coroutine_threadsafe(count(), world.broker._running())
    with connect(world) as client:
        client.sendall(SMALL * FLOOD)
        answers = b""
        while answers.count(b"HTTP/1.1 429") < FLOOD:
            answers += client.recv(1_000_000)
    counting.cancel()

    assert world.door._calls == FLOOD
    assert max(after - before for before, after in pairwise(turns)) == 1


@contextlib.asynccontextmanager
async def accepted(caps):
    """A connection, and the client's side of it, which takes a few bytes only before it reads."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    ours.setblocking(False)
    ends = Ends(answers=True)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: ends, ours)
    try:
        yield Connection(ends, caps, Room(caps.held)), ends, theirs
    finally:
        theirs.close()
        ends.abort()
        await ends.closed()


async def long(path, body, out):
    """An answer that does not fit into the socket, and is not so long that anybody waits for it to leave."""
    await out.answer(200, b"x" * 60_000)


def rest_of(client):
    """All that the client can still read, to the end."""
    client.settimeout(10)
    return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize("stopped", [False, True])
def test_who_does_not_read_the_last_answer_is_let_go(stopped):
    async def work():
        async with accepted(Caps(write=60.0 if stopped else 0.1)) as (connection, ends, client):
            client.sendall(SMALL)
            client.shutdown(socket.SHUT_WR)
            serving = asyncio.ensure_future(connection.serve(long))
            if stopped:
                await asyncio.sleep(0.1)
                serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await ends.closed()
            return len(rest_of(client))

    assert 0 < asyncio.run(asyncio.wait_for(work(), 30)) < 60_000  # what the machine had taken, and no more


def test_who_has_said_all_and_reads_is_told_all():
    async def work():
        async with accepted(Caps()) as (connection, ends, client):
            client.sendall(SMALL)
            client.shutdown(socket.SHUT_WR)
            while not ends.is_over:  # the call is stopped before it begins, and is answered all the same
                await asyncio.sleep(0.01)
            reading = asyncio.get_running_loop().run_in_executor(None, rest_of, client)
            await connection.serve(long)
            return (await reading).count(b"x")

    assert asyncio.run(asyncio.wait_for(work(), 30)) == 60_000


def test_who_is_being_turned_away_when_the_door_closes_is_let_go():
    async def work():
        async with accepted(Caps()) as (connection, ends, client):
            turning = asyncio.ensure_future(connection.turn_away(Refusal(529, "too many")))
            await asyncio.sleep(0.05)
            turning.cancel()
            await asyncio.gather(turning, return_exceptions=True)
            await ends.closed()
            return rest_of(client)

    assert asyncio.run(asyncio.wait_for(work(), 30)).startswith(b"HTTP/1.1 529 ")
