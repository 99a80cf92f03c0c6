"""What documents point at is there, and what is there is on the map."""

import re
import subprocess

import pytest

from tests.docs.pages import PAGES, ROOT, Shown, anchors, fenced, inline, links

LINKS = [shown for page in PAGES for shown in links(page)]
# Folders of this repository. `policies/` and `tests/` stand for a workspace's own as well, but both have ours.
HOUSES = ("agent", "sandbox", "policies", "workspace_template", "tests", "bench", "docs", ".ci")
FILES = [
    shown
    for page in PAGES[:-1]
    for shown in inline(page)
    if re.fullmatch(rf"({'|'.join(map(re.escape, HOUSES))})(/[\w.*-]+)*/?", shown.text)
]
WORKSPACE_FILES = [s for s in inline(PAGES[-1]) if re.fullmatch(r"[\w.-]+/([\w.-]+/?)*|[\w-]+\.(toml|md|ini)", s.text)]

# Absolute paths that mean the same on every machine.
EVERYWHERE = re.compile(r"/(proc|sys|etc|usr|dev|var/cache/successor|cand|corpus)(/|\b)")
ABSOLUTE = re.compile(r"(?<![\w.~>*:/)}\]\"-])/[A-Za-z][\w.-]*(?:/[\w.-]+)*")


@pytest.mark.parametrize("shown", LINKS, ids=str)
def test_a_link_leads_somewhere(shown):
    target, _, fragment = shown.text.partition("#")
    assert "://" not in target, "documents are read offline: name what is elsewhere, do not link it"
    place = (shown.page.parent / target).resolve() if target else shown.page

    assert place.exists()
    assert place.is_relative_to(ROOT)
    assert not fragment or fragment in anchors(place)


@pytest.mark.parametrize("shown", FILES, ids=str)
def test_a_file_or_folder_that_is_named_is_there(shown):
    assert list(ROOT.glob(shown.text.rstrip("/")))


@pytest.mark.parametrize("shown", WORKSPACE_FILES, ids=str)
def test_a_file_of_a_workspace_that_is_named_is_in_the_template(shown):
    workspace = {"policies/": ROOT / "policies"}

    assert workspace.get(shown.text, ROOT / "workspace_template" / shown.text).exists()


def mapped() -> list[str]:
    """The folders in the first column of the README's map."""
    part = (ROOT / "README.md").read_text("utf-8").partition("## Map")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone: nothing says what is tracked")
def test_the_map_of_the_readme_is_the_tree():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {name.rpartition("/")[0] for name in tracked.splitlines() if "/" in name}
    top = {folder.split("/")[0] for folder in folders if not folder.startswith(".")}
    houses = {"/".join(folder.split("/")[:2]) for folder in folders if re.match(r"agent/[a-z]", folder)}

    assert sorted(mapped()) == sorted((top - {"agent"}) | houses)


def test_the_map_names_each_kind_of_test():
    line = next(line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith("| `tests` |"))

    for kind in re.findall(r"`([a-z]+)`", line)[1:]:
        assert (ROOT / "tests" / kind).is_dir()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_page_speaks_of_one_machine(page):
    found = ABSOLUTE.findall(page.read_text("utf-8"))

    assert [path for path in found if not EVERYWHERE.match(path)] == []


def test_the_search_for_absolute_paths_finds_them():
    for text in ("see /home/me/x", "`/srv/main`", "(/root/.ssh)", "in /tmp/ws, once", "DIR=/opt/x"):
        (found,) = ABSOLUTE.findall(text)
        assert not EVERYWHERE.match(found)
    for text in ("agent/gate", "~/.ssh/id", "policies/", "two-engine and/or", "sha256/<aa>/x", "`agent/_data/`"):
        assert ABSOLUTE.findall(text) == []


def test_the_first_screen_of_the_readme_says_what_it_is_and_how_to_begin():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    first = "\n".join(lines[:45])

    for part in ("make demo", "make test", "──►", "## Map"):
        assert part in first
    assert any("make demo" in line for line in fenced(ROOT / "README.md", "sh"))


def test_shown_things_say_where_they_are():
    assert str(Shown(ROOT / "README.md", "x")) == "README.md: x"
