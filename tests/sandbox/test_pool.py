"""What the warm pool keeps, hands out and gives back, with containers that are only counted."""

import threading
import time
from dataclasses import replace

import pytest

from sandbox import pool as module
from sandbox.contract import Limits
from sandbox.docker_container import Shape
from sandbox.errors import SandboxBroken
from sandbox.pool import SHAPES, Pool
from tests.eventually import eventually

SHAPE = Shape("image", "python", Limits(), "solver", ())


class Standing:
    """In the place of a container."""

    def __init__(self, shape):
        self.shape = shape
        self.alive = True
        self.removed = 0
        self.failures = 0

    def stands(self):
        return self.alive

    def remove(self):
        if self.failures:
            self.failures -= 1
            raise SandboxBroken("the engine is away")
        self.removed += 1


class World:
    """A pool, and everything it ever made."""

    def __init__(self, size=2, make=Standing):
        self.made = []
        self.patrols = 0
        self._make = make
        self.pool = Pool(self.make, self.patrol, size)

    def make(self, shape):
        container = self._make(shape)
        self.made.append(container)
        return container

    def patrol(self):
        self.patrols += 1

    def kept(self):
        return [one for one in self.made if not one.removed]

    def serve(self, shape=SHAPE):
        """Ask as a backend does, making what is not ready."""
        container = self.pool.take(shape) or self.make(shape)
        self.pool.bury(container)
        return container

    def one_ready(self):
        """Serve once, and return the container that stands ready then."""
        served = self.serve()
        eventually(lambda: served.removed and len(self.kept()) == 1)
        return self.kept()[0]


@pytest.fixture
def world():
    worlds = []

    def make(*given, **named):
        worlds.append(World(*given, **named))
        return worlds[-1]

    others = {thread for thread in threading.enumerate() if thread.name.startswith("sandbox-pool")}
    yield make
    for one in worlds:
        one.pool.close()
        assert one.kept() == []
        assert all(container.removed == 1 for container in one.made)
    assert {thread for thread in threading.enumerate() if thread.name.startswith("sandbox-pool")} <= others


def test_what_was_asked_for_stands_ready_the_next_time(world):
    here = world()
    ready = here.one_ready()
    assert here.pool.take(SHAPE) is ready
    here.pool.bury(ready)


def test_no_container_is_handed_out_twice(world):
    here = world()
    served = [here.serve() for _ in range(50)]
    assert len({id(one) for one in served}) == 50


def test_one_that_died_waiting_is_not_handed_out(world):
    here = world()
    dead = here.one_ready()
    dead.alive = False
    assert here.serve() is not dead
    eventually(lambda: dead.removed)


def test_ones_that_died_waiting_are_noticed_and_replaced(world, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    here = world()
    dead = here.one_ready()
    dead.alive = False
    eventually(lambda: dead.removed and len(here.kept()) == 1)


def test_no_more_are_kept_than_there_are_workers(world):
    here = world(size=2)
    for _ in range(20):
        here.serve()
    eventually(lambda: len(here.kept()) == 2)
    time.sleep(0.1)
    assert len(here.kept()) == 2


def test_limits_role_and_mounts_are_never_mixed(world):
    here = world()
    shapes = [
        SHAPE,
        replace(SHAPE, role="grader"),
        replace(SHAPE, limits=Limits(processes=7)),
        replace(SHAPE, mounts=(("/cand", None),)),
    ]
    for _ in range(5):
        for shape in shapes:
            assert here.serve(shape).shape == shape


def test_shapes_are_bounded_and_the_oldest_goes(world):
    here = world()
    shapes = [replace(SHAPE, image=str(number)) for number in range(SHAPES + 3)]
    for shape in shapes:
        here.serve(shape)
    eventually(lambda: {one.shape for one in here.kept()} == set(shapes[-SHAPES:]))


def test_what_nobody_asks_for_is_given_back(world, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(module, "DEMAND_SECONDS", 0.2)
    here = world()
    here.serve()
    eventually(lambda: len(here.made) == 2)
    eventually(lambda: here.kept() == [])


def test_whoever_asks_while_one_is_being_made_gets_that_one(world):
    begun, made = [], []

    def make(shape):
        if not threading.current_thread().name.startswith("sandbox-pool"):
            return Standing(shape)
        begun.append(shape)
        time.sleep(0.2)
        made.append(Standing(shape))
        return made[-1]

    here = world(size=1, make=make)
    served = here.serve()
    eventually(lambda: len(begun) > (served in made))  # one that nobody was given yet
    container = here.pool.take(SHAPE)
    assert container in made
    here.pool.bury(container)


def test_a_failing_engine_is_not_asked_all_the_time_and_nobody_waits_for_it(world):
    tries = []

    def make(shape):
        if threading.current_thread().name.startswith("sandbox-pool"):
            tries.append(1)
            raise SandboxBroken("the engine is away")
        return Standing(shape)

    here = world(make=make)
    for _ in range(5):
        here.serve()
        time.sleep(0.05)
    assert 1 <= len(tries) <= 4


def test_what_cannot_be_removed_now_is_removed_later(world, monkeypatch):
    monkeypatch.setattr(module, "_REST_SECONDS", 0.05)
    here = world(size=0)
    container = here.make(SHAPE)
    container.failures = 2
    here.pool.bury(container)
    eventually(lambda: container.removed)


def test_without_a_size_nothing_stands_ready_and_all_is_removed(world):
    here = world(size=0)
    assert here.pool.take(SHAPE) is None
    for _ in range(30):
        here.serve()
    here.pool.close()
    assert here.kept() == []


def test_a_closed_pool_can_be_used_again(world):
    here = world()
    here.serve()
    here.pool.close()
    here.pool.close()
    assert here.kept() == []
    here.one_ready()


def test_the_pool_looks_after_what_others_left(world, monkeypatch):
    monkeypatch.setattr(module, "PATROL_SECONDS", 0.05)
    here = world()
    here.serve()
    eventually(lambda: here.patrols >= 2)


def test_many_threads_share_a_pool(world):
    here, served = world(size=4), []

    def work():
        served.extend(here.serve() for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in served}) == 800
