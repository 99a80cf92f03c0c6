"""A model in a process of its own: it answers, it ends with us, and what goes wrong is said in one sentence."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest

from sandbox.broker.broker import Broker
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.local.errors import ModelUnavailable
from sandbox.broker.local.identity import identify
from sandbox.broker.local.model import LocalModel
from sandbox.broker.local.process import ModelProcess, Program
from sandbox.broker.local.settings import LocalSettings
from sandbox.broker.rules import BrokerConfig, Patience, Policy

FAKE = Program("tests.broker.local.fake_server", "json")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def weights(tmp_path):
    def make(what="serve", name="tiny.gguf"):
        (tmp_path / name).write_bytes(b"GGUF" + what.encode())
        return tmp_path / name

    return make


def open_fake(path, **settings):
    return LocalModel(path, path.parent / "cache", LocalSettings(**{"start": 20.0, **settings}), FAKE)


def gone(pid):
    for _ in range(500):
        if not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True
        time.sleep(0.02)
    return False


def ask(model, folder, *questions):
    patience = Patience(retries=1, first_wait=0.01, longest_wait=0.01)
    config = BrokerConfig(Policy(frozenset({model.model})), patience=patience)
    broker = Broker(config, "", Ledger(Budgets()), prices=model.prices, upstream=model.upstream)
    with broker, broker.serve(folder / "door", "c1") as door:
        transport = httpx2.HTTPTransport(uds=str(door.path), verify=False)
        with httpx2.Client(transport=transport, base_url="http://x", timeout=30) as client:
            bodies = [
                {"model": model.model, "max_tokens": 9, "messages": [{"role": "user", "content": q}]} for q in questions
            ]
            return [client.post("/v1/messages", json=body) for body in bodies]


def test_a_model_answers_through_the_broker_and_costs_nothing(weights, tmp_path):
    with open_fake(weights()) as model:
        (answer,) = ask(model, tmp_path, "hello")

    assert answer.json()["content"] == [{"type": "text", "text": "hello"}]
    assert answer.json()["model"] == "local:tiny.gguf"


def test_the_process_has_no_secret_in_its_arguments_and_none_of_ours_in_its_environment(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    with open_fake(weights()) as model:
        key = model._process.key
        seen = json.loads((tmp_path / "seen.json").read_text())
        command = Path(f"/proc/{seen['pid']}/cmdline").read_bytes().decode()

    assert set(seen["env"]) <= {"PATH", "PYTHONPATH", "HOME", "LC_CTYPE"}
    assert key not in command + json.dumps(seen)


def test_leaving_ends_the_process_and_removes_its_folder(weights, tmp_path):
    with open_fake(weights()) as model:
        folder = model._process.socket.parent
        pid = json.loads((tmp_path / "seen.json").read_text())["pid"]

    assert gone(pid)
    assert not folder.exists()


def test_the_process_ends_with_one_that_was_killed(weights, tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from sandbox.broker.local.model import LocalModel
from sandbox.broker.local.process import Program
with LocalModel(Path({str(weights())!r}), Path({str(tmp_path)!r}), program=Program({FAKE.module!r}, "json")):
    print("up", flush=True)
    time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout.readline() == b"up\n"
        pid = json.loads((tmp_path / "seen.json").read_text())["pid"]
        parent.kill()

    assert gone(pid)


def test_one_that_died_is_started_again_and_not_for_ever(weights, tmp_path):
    with open_fake(weights(), restarts=3) as model:
        answers = ask(model, tmp_path, "die", "hello", "die", "hello")

    # "die" is tried twice: the first kills, the second is started again and kills; so the third start is the last.
    assert [answer.status_code for answer in answers] == [502, 200, 502, 502]


def test_one_that_is_killed_from_outside_is_started_again(weights, tmp_path):
    with open_fake(weights()) as model:
        os.kill(json.loads((tmp_path / "seen.json").read_text())["pid"], signal.SIGKILL)
        (answer,) = ask(model, tmp_path, "hello")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("what", "said"),
    [("abort", "no memory left"), ("wrong", "no such architecture"), ("chatty", "the last word")],
)
def test_a_model_that_cannot_be_loaded_says_why_and_leaves_nothing(weights, what, said):
    model = open_fake(weights(what))
    with pytest.raises(ModelUnavailable, match=said) as failed, model:
        pytest.fail("it cannot be open")

    assert "tiny.gguf" in failed.value.what
    assert failed.value.mend
    assert len(str(failed.value)) < 8_000
    assert not model._process.alive


@pytest.mark.parametrize("what", ["silent", "stubborn"])
def test_one_that_is_never_ready_is_given_up(weights, what):
    model = open_fake(weights(what), start=0.5)
    with pytest.raises(ModelUnavailable, match="not ready in time"), model:
        pytest.fail("it cannot be open")

    assert not model._process.alive


def test_the_missing_extra_is_named():
    process = ModelProcess(Path("x.gguf"), LocalSettings(), Program(FAKE.module, "a_package_that_is_not_there"))
    with pytest.raises(ModelUnavailable, match=r"pip install 'successor\[local\]'"):
        process.start()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.gguf", b"PK\x03\x04", "no GGUF file"),
        ("a.gguf", b"", "no GGUF file"),
        ("a-00001-of-00003.gguf", b"GGUF", "one part"),
        ("a.gguf", None, "cannot be read"),
    ],
)
def test_what_is_no_model_is_refused_before_anything_opens_it(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelUnavailable, match=words):
        identify(tmp_path / name, tmp_path / "cache")


def test_a_model_is_named_by_its_file_and_known_by_its_content(weights, tmp_path):
    found = identify(weights("one", "my model (v1).gguf"), tmp_path / "cache")

    assert found.name == "local:my-model--v1-.gguf"
    assert found.model_id == f"{found.name}@sha256:{found.digest[:12]}"
    assert identify(weights("one", "other.gguf"), tmp_path / "cache").digest == found.digest


def test_a_digest_is_computed_once_for_each_state_of_a_file(weights, tmp_path):
    path, cache = weights("one"), tmp_path / "cache"
    first = identify(path, cache)
    (kept,) = (cache / "models").iterdir()
    kept.write_text("0" * 64)
    assert identify(path, cache).digest == "0" * 64

    kept.write_text("not a digest")
    assert identify(path, cache).digest == first.digest

    os.utime(weights("two"), ns=(0, path.stat().st_mtime_ns))  # same size, same name, other bytes
    assert identify(path, cache).digest != first.digest


def test_a_cache_that_cannot_be_written_costs_time_only(weights, tmp_path):
    (tmp_path / "file").write_text("")

    assert identify(weights(), tmp_path / "file").digest == identify(weights(), tmp_path / "cache").digest


def test_weights_that_change_while_they_are_loaded_are_not_used(weights):
    path = weights()
    model = open_fake(path)
    path.write_bytes(b"GGUFserve ")
    path.write_bytes(b"GGUFserve")
    with pytest.raises(ModelUnavailable, match="changed"), model:
        pytest.fail("it cannot be open")

    assert not model._process.alive


def test_it_can_be_opened_in_a_thread_that_ends(weights, tmp_path):
    model = open_fake(weights())
    thread = threading.Thread(target=model.__enter__)
    thread.start()
    thread.join()
    try:
        assert ask(model, tmp_path, "hello")[0].status_code == 200
    finally:
        model.__exit__(None, None, None)
