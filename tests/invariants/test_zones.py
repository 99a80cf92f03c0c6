"""Every file of the template is in exactly one zone, and the law ships in the package."""

from importlib.resources import files
from pathlib import Path

import pytest

from agent.workspace import parse_settings

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "workspace_template"


def template_files() -> list[str]:
    found = (p for p in TEMPLATE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return sorted(p.relative_to(TEMPLATE).as_posix() for p in found)


def test_every_file_of_the_template_is_mind_or_kept():
    zones = parse_settings((TEMPLATE / "successor.toml").read_bytes()).zones

    assert [path for path in template_files() if zones.zone(path) == "unknown"] == []


def test_the_law_the_suites_and_the_kept_tests_are_kept():
    zones = parse_settings((TEMPLATE / "successor.toml").read_bytes()).zones

    for path in ("successor.toml", "policies/bundle.yaml", "suites/search.toml", "tests/kept/test_x.py", "POLICIES/x"):
        assert zones.zone(path) == "kept", path
    assert zones.zone("scaffold/new.py") == "mind"
    assert zones.zone("setup.py") == "unknown"


def test_template_and_policies_are_reached_through_the_package():
    data = files("agent") / "_data"

    assert (data / "workspace_template" / "successor.toml").read_bytes() == (TEMPLATE / "successor.toml").read_bytes()
    assert (data / "policies" / "bundle.yaml").is_file()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an unpacked sdist has real files for links")
def test_the_data_folders_are_links_within_the_repository():
    for name in ("workspace_template", "policies"):
        link = ROOT / "agent" / "_data" / name
        assert link.is_symlink()
        assert link.resolve() == ROOT / name
