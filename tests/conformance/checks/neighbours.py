"""A sandbox serves once, and two do not meet."""

import threading
import time

import pytest

from tests.conformance.registry import check
from tests.conformance.walls import SMALL, text


@check
def a_sandbox_serves_once(wall):
    from sandbox.contract import Command

    with wall.backend.start((), SMALL) as sandbox:
        sandbox.run(Command(("true",), 20))
        with pytest.raises(RuntimeError, match="one command"):
            sandbox.run(Command(("true",), 20))


@check
def sandboxes_side_by_side_see_nothing_of_each_other(wall):
    code = """
import os, sys, time, socket
open("/work/" + sys.argv[1], "w").close()
open("/tmp/" + sys.argv[1], "w").close()
server = socket.create_server(("127.0.0.1", 45678))
time.sleep(2)
print(sorted(os.listdir("/work") + os.listdir("/tmp")), len([p for p in os.listdir("/proc") if p.isdigit()]) < 8)
"""
    outcomes = {}

    def run(name: str) -> None:
        outcomes[name] = wall.python(code, name)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: text(outcome) for name, outcome in outcomes.items()} == {
        name: f"['{name}', '{name}'] True" for name in ("first", "second")
    }


@check
def a_fork_bomb_next_door_does_not_starve(wall):
    bomb = "import os, time\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(60)\nexcept OSError:\n    time.sleep(6)"
    thread = threading.Thread(target=wall.python, args=(bomb,), kwargs={"deadline": 6})
    thread.start()
    time.sleep(2)
    try:
        assert (
            text(wall.python("import subprocess; print(subprocess.run(['echo', 'ok'], capture_output=True).stdout)"))
            == "b'ok\\n'"
        )
    finally:
        thread.join()
