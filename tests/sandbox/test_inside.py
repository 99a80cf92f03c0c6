"""The inside, as made from this machine's Python: content, digest, and what its base must be."""

import json

import pytest

from sandbox import system_calls
from sandbox.bubblewrap_backend import BubblewrapBackend
from sandbox.cache import folder_digest
from sandbox.errors import BackendUnavailable
from sandbox.inside import Facts, Inside, guest_folder, program_folder

GOOD = {
    "version": "3.12.4",
    "machine": "x86_64",
    "libc": ["glibc", "2.36"],
    "python": "/usr/bin/python3.12",
    "stdlib": "/usr/lib/python3.12",
    "frozen": ["os"],
    "missing": [],
    "stamp": "x",
    "links": {"bin": "usr/bin"},
}


def test_a_good_base_is_accepted():
    assert Facts.parse(json.dumps(GOOD).encode()).python == "/usr/bin/python3.12"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "3.10.9"}, "Python 3.10.9"),
        ({"version": "3.14.0"}, "Python 3.14.0"),
        ({"libc": ["", ""]}, "glibc"),
        ({"missing": ["timeout"]}, "lacks timeout"),
        ({"libc": []}, "does not describe itself"),
    ],
)
def test_a_base_that_cannot_serve_is_refused_by_reason(change, said):
    with pytest.raises(BackendUnavailable, match=said):
        Facts.parse(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize("output", [b"", b"[]", b"{}", b"\xff"])
def test_a_base_that_does_not_describe_itself_is_refused(output):
    with pytest.raises(BackendUnavailable, match="does not describe itself"):
        Facts.parse(output)


def test_the_guest_is_staged_by_content(tmp_path):
    folder = guest_folder(tmp_path)
    assert (folder / "__init__.py").is_file()
    assert not list(folder.rglob("*.pyc"))
    assert guest_folder(tmp_path) == folder


def test_another_system_call_filter_is_another_environment(tmp_path, monkeypatch):
    inside = Inside(tmp_path, "digest", "3.12.4", "/usr/bin/python3.12", "/usr/lib/python3.12", ())
    digests = {inside.runtime(backend, tmp_path).digest for backend in ("docker", "bubblewrap")}
    monkeypatch.setattr(system_calls, "digest", lambda machine: "another")
    changed = {inside.runtime(backend, tmp_path).digest for backend in ("docker", "bubblewrap")}
    assert len(digests | changed) == 4


def test_the_program_brings_nothing_else_of_ours(tmp_path):
    files = {path.name for path in program_folder(tmp_path).rglob("*") if path.is_file()}
    assert files == {"__init__.py", "collect.py", "strip.py", "tools.txt"}


@pytest.fixture(scope="module")
def prepared(cache):
    backend = BubblewrapBackend(cache)
    try:
        backend.check()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    runtime = backend.prepare()
    return backend, runtime


@pytest.mark.bubblewrap
def test_the_digest_is_that_of_the_content(prepared):
    backend, _ = prepared
    _, inside, _ = backend._ready
    assert folder_digest(inside.root, leave_out=lambda path: path.suffix == ".pyc") == inside.digest


@pytest.mark.bubblewrap
def test_both_standard_libraries_hold_the_same_files(prepared):
    _, runtime = prepared
    original = {path.relative_to(runtime.stdlib).as_posix() for path in runtime.stdlib.rglob("*.py")}
    stripped = {path.relative_to(runtime.stripped_stdlib).as_posix() for path in runtime.stripped_stdlib.rglob("*.py")}
    assert original == stripped
    assert {"argparse.py", "json/decoder.py", "unittest/case.py"} <= original
    assert not [name for name in original if name.split("/")[0] in {"test", "idlelib", "site-packages"}]
    assert "os" in runtime.frozen


@pytest.mark.bubblewrap
def test_no_link_or_privilege_leads_out_of_the_inside(prepared):
    backend, _ = prepared
    root = backend._ready[1].root
    for path in root.rglob("*"):
        if path.is_symlink():
            target = path.readlink()
            seen = root / str(target).lstrip("/") if target.is_absolute() else path.parent / target
            assert seen.resolve().is_relative_to(root.resolve()), path
        else:
            assert path.stat().st_mode & 0o7000 in ({0o1000} if path.name == "tmp" else {0}), path


@pytest.mark.bubblewrap
def test_a_damaged_cache_is_said_so(prepared, tmp_path):
    from sandbox.inside import _load

    (tmp_path / "inside.json").write_text("{")
    with pytest.raises(BackendUnavailable, match="damaged"):
        _load(tmp_path)


@pytest.mark.bubblewrap
def test_preparing_again_finds_the_same_and_says_nothing(prepared, cache):
    said = []
    assert BubblewrapBackend(cache).prepare(said.append) == prepared[1]
    assert said == []
