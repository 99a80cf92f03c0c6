"""A warm pool: containers that stand ready before they are asked for, each to be used once, and the removal of all.

What to keep ready is learned from what is asked for: of each of the last few shapes as many as were asked for in the
last minute, at most `size`; what nobody asks for any more is given back. Making and removing take an engine a hundred
milliseconds each, so both are done by threads of the pool, which also look after what was left behind. What is measured
should not be disturbed: while commands run, no more are made than will be asked for when these end.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from sandbox.docker_container import Container, Shape
from sandbox.errors import SandboxError

SHAPES = 4
"""Shapes of which containers are kept ready at once."""
DEMAND_SECONDS = 60.0
LOOK_SECONDS = 5.0
PATROL_SECONDS = 60.0
_REST_SECONDS = 2.0
_THREADS = 4
_GRAVES_FOR_A_THREAD = 4


@dataclass(slots=True)
class _Shelf:
    """Containers of one shape: `ready`, and how many are being made and waited for."""

    ready: deque[Container] = field(default_factory=deque)
    asked: deque[float] = field(default_factory=deque)
    making: int = 0
    waiting: int = 0

    def wanted(self, size: int, now: float) -> int:
        """How many more to make, for at most `size` to stand ready."""
        while self.asked and self.asked[0] < now - DEMAND_SECONDS:
            self.asked.popleft()
        return min(size, len(self.asked)) - len(self.ready) - self.making


class Pool:
    """Keeps up to `size` containers of a shape ready; 0 makes each when it is asked for.

    `patrol` is called now and then to remove what others left. Safe to use from several threads.
    """

    def __init__(self, make: Callable[[Shape], Container], patrol: Callable[[], object], size: int) -> None:
        self._make = make
        self._patrol = patrol
        self.size = size
        self._changed = threading.Condition()
        self._shelves: OrderedDict[Shape, _Shelf] = OrderedDict()
        self._graves: deque[Container] = deque()
        self._serving: set[Container] = set()
        self._threads: list[threading.Thread] = []
        self._removing = 0
        self._closing = False
        self._rests_until = 0.0
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._patrol_at = time.monotonic() + PATROL_SECONDS

    def take(self, shape: Shape) -> Container | None:
        """Return a container that stands ready, or is about to; None when making one takes no longer."""
        if not self.size:
            return None
        self._ask(shape)
        while (container := self._ready(shape)) is not None:
            with suppress(SandboxError):
                if container.stands():
                    with self._changed:
                        self._serving.add(container)
                    return container
            self.bury(container)
        return None

    def bury(self, container: Container) -> None:
        """Have a container removed. Everything in it should be dead by now."""
        with self._changed:
            self._open()
            self._serving.discard(container)
            inline = len(self._graves) >= _GRAVES_FOR_A_THREAD * len(self._threads)
            if inline:
                self._removing += 1
            else:
                self._graves.append(container)
                self._changed.notify_all()
        if inline:  # whoever makes dead ones faster than they can be removed has to help
            self._remove(container)

    def close(self) -> None:
        """Give back every container, and wait until all are removed. The pool may be used again."""
        with self._changed:
            self._closing = True
            threads, self._threads = self._threads, []
            for shelf in self._shelves.values():
                self._graves.extend(shelf.ready)
            self._shelves.clear()
            self._changed.notify_all()
        for thread in threads:
            thread.join()
        with self._changed:
            left, self._graves = self._graves, deque()
            self._removing += len(left)
        for container in left:  # none, unless a thread died of a mistake of ours
            self._remove(container)
        with self._changed:
            self._closing = False
        atexit.unregister(self.close)

    def settled(self) -> bool:
        """Whether nothing is being made or removed, and nothing waits to be."""
        with self._changed:
            now = time.monotonic()
            idle = all(shelf.making == 0 and shelf.wanted(self.size, now) <= 0 for shelf in self._shelves.values())
            return idle and not self._graves and not self._removing

    def _ask(self, shape: Shape) -> None:
        with self._changed:
            self._open()
            shelf = self._shelves.setdefault(shape, _Shelf())
            self._shelves.move_to_end(shape)
            shelf.asked.append(time.monotonic())
            while len(self._shelves) > SHAPES:
                _, oldest = self._shelves.popitem(last=False)
                self._graves.extend(oldest.ready)
            self._changed.notify_all()

    def _ready(self, shape: Shape) -> Container | None:
        """Take one off the shelf, waiting while more are being made than are waited for already."""
        with self._changed:
            shelf = self._shelves.get(shape, _Shelf())
            shelf.waiting += 1
            try:
                while not shelf.ready and not self._closing and shelf.making >= shelf.waiting:
                    self._changed.wait()
                return shelf.ready.popleft() if shelf.ready else None
            finally:
                shelf.waiting -= 1
                self._changed.notify_all()

    def _open(self) -> None:
        """Start the threads. They are daemons, so that an interpreter that ends comes to `atexit` before it waits."""
        if self._closing or (self._threads and all(thread.is_alive() for thread in self._threads)):
            return
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        atexit.register(self.close)
        for number in range(len(self._threads), max(1, min(self.size, _THREADS))):
            thread = threading.Thread(target=self._serve, name=f"sandbox-pool-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while (work := self._next()) is None:
                    if self._closing:
                        return
                    self._changed.wait(self._pause())
            work()

    def _pause(self) -> float:
        """Seconds until there may be work that nobody announces."""
        now = time.monotonic()
        return max(0.01, min(t for t in (self._look_at, self._patrol_at, self._rests_until, now + 60) if t > now) - now)

    def _next(self) -> Callable[[], None] | None:
        """Return what to do now. What is asked for goes first, unless the dead pile up."""
        if self._closing:
            return self._grave() if self._graves else None
        now = time.monotonic()
        shape = self._missing(now) if now >= self._rests_until else None
        if self._graves and now >= self._rests_until and (shape is None or len(self._graves) >= len(self._threads)):
            return self._grave()
        if shape is not None:
            self._shelves[shape].making += 1
            return partial(self._fill, shape, self._shelves[shape])
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            return self._look
        if now >= self._patrol_at:
            self._patrol_at = now + PATROL_SECONDS
            return self._walk
        return None

    def _grave(self) -> Callable[[], None]:
        self._removing += 1
        return partial(self._remove, self._graves.popleft())

    def _missing(self, now: float) -> Shape | None:
        """Return the shape to make next, the one asked for last first."""
        size = min(self.size, len(self._serving)) or self.size
        for shape, shelf in reversed(self._shelves.items()):
            if shelf.wanted(size, now) > 0:
                return shape
        return None

    def _fill(self, shape: Shape, shelf: _Shelf) -> None:
        container = None
        try:
            container = self._make(shape)
        except (SandboxError, OSError, ValueError):
            # Not said: whoever asks for this shape is told when making it fails there too.
            with self._changed:
                self._rests_until = time.monotonic() + _REST_SECONDS
        finally:
            self._shelve(shape, shelf, container)

    def _shelve(self, shape: Shape, shelf: _Shelf, container: Container | None) -> None:
        with self._changed:
            shelf.making -= 1
            if container is not None:
                kept = self._shelves.get(shape) is shelf and not self._closing
                (shelf.ready if kept else self._graves).append(container)
            self._changed.notify_all()

    def _look(self) -> None:
        """Give back what nobody asks for, or what does not stand any more."""
        with self._changed:
            now, held = time.monotonic(), []
            for shape, shelf in list(self._shelves.items()):
                if shelf.wanted(self.size, now) < 0 and not shelf.asked:
                    self._graves.extend(shelf.ready)
                    del self._shelves[shape]
                    continue
                held += [(shape, shelf, container) for container in shelf.ready]
                shelf.making += len(shelf.ready)
                shelf.ready.clear()
        for shape, shelf, container in held:
            stands = False
            with suppress(SandboxError):
                stands = container.stands()
            self._shelve(shape, shelf, container if stands else None)
            if not stands:
                self.bury(container)

    def _walk(self) -> None:
        with suppress(SandboxError, OSError):
            self._patrol()

    def _remove(self, container: Container) -> None:
        try:
            container.remove()
        except SandboxError:
            with self._changed:
                self._rests_until = time.monotonic() + _REST_SECONDS
                if not self._closing:  # else the next process finds it, by its labels
                    self._graves.append(container)
        finally:
            with self._changed:
                self._removing -= 1
