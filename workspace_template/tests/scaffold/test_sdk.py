"""The SDK, loaded by name: what it gives is what it gives when it is loaded whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scaffold.sdk import load

NAMES = (
    "Anthropic",
    "DefaultHttpxClient",
    "APIStatusError",
    "AnthropicError",
    "types",
    "BetaFallbackState",
    "beta_tool",
)

PACKAGE = {
    "zoo/__init__.py": "from . import lions\nfrom .zebras import Zebra, stripes as lines\nfrom .birds import *\n"
    "from .cats import (\n    Cat,\n    Kitten as Small,\n)\n__all__ = ['lions']\n",
    "zoo/lions.py": "ROAR = 1\n",
    "zoo/zebras.py": "Zebra = 2\nstripes = 3\n",
    "zoo/birds.py": "Owl = 4\n",
    "zoo/cats.py": "Cat = 5\nKitten = 6\n",
    "zoo/alone.py": "X = 7\n",
    "zoo/deep/__init__.py": "from ..zebras import Zebra as Horse\nmade = [1]\n",
}
ASK = """
import json, sys
from scaffold.sdk import ByName
sys.meta_path.insert(0, ByName("zoo"))
import zoo
lazy = [name for name in sys.modules if name.startswith("zoo")]
found = [zoo.lines, zoo.Zebra, zoo.Small, zoo.Cat, zoo.lions.ROAR, zoo.alone.X]
before = "zoo.birds" in sys.modules
from zoo.deep import Horse, made
found += [zoo.Owl, Horse, made]
try:
    zoo.Unicorn
except AttributeError:
    found.append("no such name")
print(json.dumps([lazy, before, found]))
"""


def told(code: str, folder: Path) -> str:
    path = [str(folder), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}\n{code}"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    return done.stdout


def test_names_are_loaded_from_where_the_package_gets_them_and_the_rest_by_running_it(tmp_path: Path) -> None:
    for path, text in PACKAGE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    lazy, before, found = json.loads(told(ASK, tmp_path))
    assert (lazy, before) == (["zoo"], False)
    assert found == [3, 2, 6, 5, 1, 7, 4, 2, [1], "no such name"]


@pytest.mark.slow
def test_what_is_loaded_by_name_is_what_is_loaded_whole_and_less_of_it(tmp_path: Path) -> None:
    code = "print(*[getattr(sdk, name).__qualname__ if name != 'types' else sdk.types.Message for name in NAMES])\n"
    count = "print(sum(name.startswith('anthropic.') for name in sys.modules))"
    once = "from scaffold.sdk import load\nsdk = load()\nimport anthropic\nassert load() is sdk is anthropic\n"
    by_name = told(f"{once}NAMES = {NAMES!r}\n{count}\n{code}", tmp_path).split("\n", 1)
    whole = told(f"import anthropic as sdk\nNAMES = {NAMES!r}\n{count}\n{code}", tmp_path).split("\n", 1)

    assert by_name[1] == whole[1] != ""
    assert int(by_name[0]) < int(whole[0]) / 2


def test_whoever_has_loaded_it_whole_keeps_it() -> None:
    assert load() is sys.modules["anthropic"]
    with pytest.raises(AttributeError):
        _ = load().no_such_name
