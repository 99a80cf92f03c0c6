"""Nothing in a sandbox can be changed but its own working folders."""

from sandbox.contract import GUEST
from tests.conformance.registry import check, staged
from tests.conformance.walls import text


@check
def the_root_is_read_only(wall):
    code = """
import os
for folder in ("/", "/usr", "/usr/bin", "/etc", "/opt/successor/site", "/opt/successor", "/dev", "/run", "/var", "/cand"):
    try:
        open(os.path.join(folder, "planted"), "w").close()
        print("wrote", folder)
    except OSError:
        pass
"""
    assert text(wall.python(code)) == ""


@check
def a_staged_tree_is_read_and_not_written(wall):
    mount = staged(wall, {"pkg/__init__.py": b"", "pkg/mod.py": b"ANSWER = 42\n", "data.txt": b"plain"}, "/cand")
    code = """
import os, pkg.mod
print(pkg.mod.ANSWER, os.listdir("/cand"))
for attempt in ("open('/cand/data.txt', 'w')", "open('/cand/new', 'w')", "os.unlink('/cand/data.txt')",
                "os.chmod('/cand/data.txt', 0o777)", "os.rename('/cand/pkg', '/cand/other')", "os.symlink('/', '/cand/l')"):
    try:
        eval(attempt)
        print("did", attempt)
    except OSError:
        pass
"""
    shown = text(wall.python(code, mounts=(mount,)))
    assert shown.startswith("42 ")
    assert "did" not in shown
    assert (mount.source / "data.txt").read_bytes() == b"plain"


@check
def several_trees_are_mounted_where_asked(wall):
    mounts = (
        staged(wall, {"a": b"1"}, "/cand"),
        staged(wall, {"b": b"2"}, "/corpus"),
        staged(wall, {"c": b"3"}, "/data/deep"),
    )
    assert text(wall.run("cat", "/cand/a", "/corpus/b", "/data/deep/c", mounts=mounts)) == "123"


@check
def the_guest_code_is_there_and_cannot_be_changed(wall):
    code = f"import os; print('__init__.py' in os.listdir({GUEST!r}), os.access({GUEST!r}, os.W_OK))"
    assert text(wall.python(code)) == "True False"


@check
def the_work_folders_are_writable(wall):
    code = "import os, tempfile\nfor f in ('/work', '/tmp'):\n    open(f + '/x', 'w').write('x')\nprint(os.getcwd(), tempfile.gettempdir())"
    assert text(wall.python(code)) == "/work /tmp"
