"""What `successor doctor --clean` removes, and above all what it leaves alone."""

import fcntl
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from sandbox import clean as cleaning
from sandbox.bubblewrap_backend import BubblewrapBackend
from sandbox.cache import CacheUse, cache_to_ourselves, made_once
from sandbox.clean import UNUSED_SECONDS, Removed, clean, size_of
from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable, SandboxBroken
from sandbox.ownership import labels, this_process

ROOT = Path(__file__).parents[2]
NO_ENGINE = Engine("unix:///no/such/engine.sock")
STAGES = ("successor-stage-",)
OLD = "0" * 32


def tidy(cache, temporary, engine=NO_ENGINE):
    return clean(cache, temporary, STAGES, engine)


@pytest.fixture
def places(tmp_path):
    """An empty cache and an empty temporary folder."""
    for name in ("cache", "temporary"):
        (tmp_path / name).mkdir()
    return tmp_path / "cache", tmp_path / "temporary"


def plant(folder, size=10):
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(bytes(size))
    return folder


def test_nothing_to_do_is_no_failure_and_a_second_time_there_is_nothing(places):
    tidy(*places)  # the first makes what this version uses
    assert tidy(*places).removed == ()


def test_what_this_version_cannot_come_to_is_removed_with_its_size(places):
    cache, temporary = places
    for kind in ("inside", "programs", "guests"):
        name = {"inside": OLD, "programs": OLD * 2, "guests": OLD * 2 + "-made"}[kind]
        plant(cache / kind / name, 1000)
        (cache / kind / f".lock-{name}").write_text("")
    removed = {(one.kind, one.size) for one in tidy(cache, temporary).removed}

    assert removed == {("inside", 1000), ("programs", 1000), ("guests", 1000)}
    assert not list(cache.glob(f"*/*{OLD}*")) + list(cache.glob(f"*/.lock-{OLD}*"))


def test_what_this_version_uses_stays(places):
    cache, temporary = places
    (cache / "bases").mkdir()
    (cache / "bases" / "x.json").write_text(json.dumps({"reference": None, "image": "sha256:abc"}))
    used = [
        cleaning.program_folder(cache).parent,
        cleaning.guest_folder(cache).parent,
        plant(cleaning.inside_folder(cache, cleaning.source_of_this_machine(cache)[0])),
        plant(cleaning.inside_folder(cache, "sha256:abc")),
    ]
    assert tidy(cache, temporary).removed == ()
    assert all(folder.is_dir() for folder in used)


@pytest.mark.parametrize("kind", ["layers", "corpus"])
def test_what_can_be_made_again_stays_for_a_month_after_it_was_last_asked_for(places, kind):
    cache, temporary = places
    folder = made_once(cache / kind / OLD, lambda partial: (partial / "file").write_text("x"))
    lock = folder.with_name(f".lock-{OLD}")
    assert tidy(cache, temporary).removed == ()
    long_ago = time.time() - UNUSED_SECONDS - 10
    os.utime(lock, (long_ago, long_ago))
    made_once(folder, lambda partial: pytest.fail("it is there"))  # asked for
    assert tidy(cache, temporary).removed == ()

    os.utime(lock, (long_ago, long_ago))
    assert tidy(cache, temporary).removed == (Removed(kind, OLD, 1),)


def test_what_a_killed_maker_left_half_made_is_removed(places):
    cache, temporary = places
    plant(cache / "inside" / f".partial-{OLD}-abc")
    plant(cache / ".image-xyz")
    assert {one.name for one in tidy(cache, temporary).removed} == {f".partial-{OLD}-abc", ".image-xyz"}


@pytest.mark.parametrize("path", ["inside/notes", "inside/0000", "mine/" + OLD, OLD, "guests/" + "g" * 64 + "-made"])
def test_what_has_not_our_form_stays(places, path):
    cache, temporary = places
    plant(cache / path)
    assert tidy(cache, temporary).removed == ()
    assert (cache / path / "file").is_file()


def test_a_link_is_not_followed(places, tmp_path):
    cache, temporary = places
    elsewhere = plant(tmp_path / "elsewhere")
    (cache / "inside").mkdir()
    (cache / "inside" / OLD).symlink_to(elsewhere)
    (temporary / "successor-stage-link").symlink_to(elsewhere)
    assert tidy(cache, temporary).removed == ()
    assert (elsewhere / "file").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_what_belongs_to_somebody_else_stays(places):
    cache, temporary = places
    for folder in (cache / "inside" / OLD, temporary / "successor-stage-x", temporary / "successor-slots-x"):
        plant(folder)
        (folder / "in-use").write_text("")
        os.chown(folder, 12345, 12345)
    assert tidy(cache, temporary).removed == ()


def test_a_staged_folder_goes_with_its_process_and_not_before(places, monkeypatch):
    cache, temporary = places
    for name in ("successor-stage-dead", "successor-slots-dead", "successor-stage-living", "successor-stage-strange"):
        plant(temporary / name)
        if name != "successor-stage-strange":
            (temporary / name / "in-use").write_text("")
    with (temporary / "successor-stage-living" / "in-use").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        removed = {Path(one.name).name for one in tidy(cache, temporary).removed}
    assert removed == {"successor-stage-dead", "successor-slots-dead"}
    assert (temporary / "successor-stage-strange" / "file").is_file()  # nothing of ours is in it


def test_the_evaluators_folders_have_the_name_that_is_looked_for():
    from agent.cli.doctor import STAGES as TOLD
    from agent.evaluate.staging import PREFIX

    assert PREFIX in TOLD


# --- others at work ---------------------------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from sandbox.cache import CacheUse
use = CacheUse(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_cache_that_another_process_uses_is_left_alone_until_that_is_gone(places):
    cache, temporary = places
    plant(cache / "inside" / OLD)
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(cache)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"held\n"
        cleaned = tidy(cache, temporary)
        assert cleaned.removed == ()
        assert any("in use" in why for why in cleaned.left)
        child.kill()
    assert [one.name for one in tidy(cache, temporary).removed] == [OLD]


@pytest.mark.parametrize("kind", [DockerBackend, BubblewrapBackend])
def test_a_backend_that_is_prepared_has_its_cache_in_use_and_lets_go_in_the_end(kind, cache):
    backend = kind(cache)
    try:
        backend.check()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    backend.prepare()
    with cache_to_ourselves(cache) as alone:
        assert not alone
    assert backend._use is not None
    backend.close()


def test_several_may_use_a_cache_and_it_is_free_when_the_last_is_gone(tmp_path):
    first, second = CacheUse(tmp_path), CacheUse(tmp_path)
    del first
    with cache_to_ourselves(tmp_path) as alone:
        assert not alone
    del second
    with cache_to_ourselves(tmp_path) as alone:
        assert alone


def test_a_cache_that_cannot_be_made_is_neither_held_nor_ours(tmp_path):
    (tmp_path / "file").write_text("")
    CacheUse(tmp_path / "file" / "cache")
    with cache_to_ourselves(tmp_path / "file" / "cache") as alone:
        assert not alone


def test_sizes_count_each_file_once(tmp_path):
    plant(tmp_path / "a", 100)
    os.link(tmp_path / "a" / "file", tmp_path / "a" / "again")
    (tmp_path / "a" / "link").symlink_to("/etc")
    assert 100 <= size_of(tmp_path / "a") <= 110


# --- the engine -------------------------------------------------------------------------------------------------------


@pytest.fixture
def engine():
    made = Engine()
    try:
        made.describe()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    return made


@pytest.fixture
def image(engine, tmp_path):
    """Import a small image by this name and with these labels; removed in the end if it is still there."""
    made = []

    def make(name, tag, *changes):
        with tarfile.open(tmp_path / "image.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo(f"{time.time_ns()}"), io.BytesIO())
        made.append(engine.import_image(tmp_path / "image.tar", name, tag, list(changes)))
        return made[-1]

    yield make
    for one in made:
        engine.remove_image(one)


class Alone(Engine):
    """The real engine, as one sees it on whom no other test is at work."""

    def containers(self, label):
        return []


@pytest.mark.docker
def test_an_image_that_no_inside_refers_to_is_removed_and_others_are_not(engine, image, places, monkeypatch):
    cache, temporary = places
    gone, kept = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    plant(cleaning.inside_folder(cache, cleaning.source_of_this_machine(cache)[0]))
    (next(cache.glob("inside/*")) / "inside.json").write_text(json.dumps({"digest": kept}))
    abandoned = image("successor-inside", "1" * 16, f"LABEL successor.inside={gone}")
    others = [
        image("successor-inside", "2" * 16, f"LABEL successor.inside={kept}"),
        image("successor-inside", "3" * 16),  # our name, not our label
        image("somebodys", "latest", f"LABEL successor.inside={gone}"),  # our label, not our name
        image("successor-inside", "4" * 16, f"LABEL successor.inside={gone}"),  # a name for another content
    ]
    really = Engine.images
    monkeypatch.setattr(
        Alone, "images", lambda self, label: [i for i in really(self, label) if i in [abandoned, *others]]
    )
    removed = tidy(cache, temporary, Alone()).removed

    assert [(one.kind, one.name) for one in removed] == [("image", "successor-inside:" + "1" * 16)]
    assert engine.image(abandoned) is None
    assert all(engine.image(one) is not None for one in others)


@pytest.mark.docker
def test_an_image_of_a_task_goes_when_nobody_asks_for_it_any_more(engine, image, places, monkeypatch):
    cache, temporary = places
    gone, kept, key = "sha256:" + "6" * 64, "sha256:" + "7" * 64, "8" * 32
    plant(cache / "tasks" / key)
    (cache / "tasks" / key / "image.json").write_text(json.dumps({"digest": kept, "env": {}}))
    (cache / "tasks" / f".lock-{key}").touch()
    doomed = [
        image("successor-task", "6" * 16, f"LABEL successor.task={gone}"),
        image("successor-built", "9" * 16, f"LABEL successor.built={'9' * 32}"),
    ]
    wanted = [
        image("successor-task", "7" * 16, f"LABEL successor.task={kept}"),
        image("successor-built", "8" * 16, f"LABEL successor.built={key}"),
        image("somebodys", "latest", f"LABEL successor.task={gone}"),
    ]
    really = Engine.images
    monkeypatch.setattr(
        Alone, "images", lambda self, label: [i for i in really(self, label) if i in [*doomed, *wanted]]
    )
    removed = tidy(cache, temporary, Alone()).removed

    assert [one.name for one in removed] == ["successor-task:" + "6" * 16, "successor-built:" + "9" * 16]
    assert [engine.image(one) is None for one in (*doomed, *wanted)] == [True, True, False, False, False]
    old = time.time() - cleaning.UNUSED_SECONDS - 60
    os.utime(cache / "tasks" / f".lock-{key}", (old, old))
    removed = tidy(cache, temporary, Alone()).removed

    assert {(one.kind, one.name) for one in removed} == {
        ("tasks", key), ("image", "successor-task:" + "7" * 16), ("image", "successor-built:" + "8" * 16)
    }  # fmt: skip


@pytest.mark.docker
def test_containers_of_dead_owners_go_and_no_image_while_any_lives(engine, image, places):
    cache, temporary = places
    base = image("successor-inside", "5" * 16, "LABEL successor.inside=sha256:" + "5" * 64, 'CMD ["x"]')
    me, later = this_process(), int(time.time()) + 600
    made = []
    try:
        given = {"Image": base, "HostConfig": {"NetworkMode": "none"}}
        for marks in ({}, labels(me, "run", later), labels(me, "run", 1)):
            made += [engine.create({**given, "Labels": marks})]
        strangers, living, dead = made
        cleaned = tidy(cache, temporary, engine)

        assert dead[:12] in {one.name for one in cleaned.removed if one.kind == "container"}
        assert engine.state(strangers)
        assert engine.state(living)
        with pytest.raises(SandboxBroken):
            engine.state(dead)
        assert engine.image(base) is not None
        assert any("at work" in why for why in cleaned.left)
    finally:
        for container in made:
            engine.remove(container)


def test_without_an_engine_the_rest_is_cleaned_and_it_is_said(places):
    cache, temporary = places
    plant(cache / "inside" / OLD)
    cleaned = tidy(cache, temporary)
    assert [one.name for one in cleaned.removed] == [OLD]
    assert any("engine" in why for why in cleaned.left)
