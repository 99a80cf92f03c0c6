"""The `anthropic` SDK, loaded by name: what is asked for is imported from where the SDK's own packages get it.

`import anthropic` runs the `__init__` of every package in it, which defines three thousand modules, most of them for
services that an agent behind one socket never speaks to; that takes longer than everything else before the first call.
So here a package of the SDK is left empty until a name is asked of it. A name whose origin cannot be read from the
package's `__init__` makes that `__init__` run as written: then this costs time, and changes nothing.
"""

import gc
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType

_ORIGIN = re.compile(r"^from (\.[\w.]*) import (?:\(([^)]*)\)|([^(\n]+))$", re.MULTILINE)


class ByName(MetaPathFinder, Loader):
    """Finds the packages of one distribution, and loads each name of theirs when it is asked for."""

    def __init__(self, distribution: str) -> None:
        self._distribution = distribution

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Take over the packages; modules, and packages without a file, are loaded as ever."""
        if fullname.partition(".")[0] != self._distribution:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.submodule_search_locations and isinstance(spec.loader, SourceFileLoader):
            spec.loader_state, spec.loader = spec.loader, self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Leave the package empty, with a way to get at its names."""
        assert module.__spec__ is not None
        loader: SourceFileLoader = module.__spec__.loader_state
        origins = _origins(loader.get_data(loader.path).decode())

        def resolve(name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            if name in origins:
                source, original = origins[name]
                value = _imported(source, original, module.__name__)
            elif find_spec(f"{module.__name__}.{name}"):
                value = import_module(f"{module.__name__}.{name}")
            else:
                del module.__getattr__
                loader.exec_module(module)
                value = getattr(module, name)
            setattr(module, name, value)
            return value

        module.__getattr__ = resolve  # type: ignore[method-assign]  # PEP 562


def _origins(source: str) -> dict[str, tuple[str, str]]:
    """Map each name that an `__init__` imports from its own distribution to the module and the name it has there."""
    return {
        words[-1]: (module, words[0])
        for module, several, one in _ORIGIN.findall(source)
        for part in (several or one).split(",")
        if (words := part.split()) and words[-1] != "*"
    }


def _imported(source: str, name: str, package: str) -> object:
    if source.strip("."):
        module = import_module(source, package)
        if hasattr(module, name):
            return getattr(module, name)
    return import_module(f"{source.removesuffix('.')}.{name}", package)


def load() -> ModuleType:
    """Return the SDK."""
    if "anthropic" not in sys.modules:
        sys.meta_path.insert(0, ByName("anthropic"))
        gc.disable()  # there is nothing to collect yet, and looking for it takes a fifth of the time
        import_module("anthropic._client")
        gc.freeze()  # nor will there be anything to collect among all this later
        gc.enable()
    return sys.modules["anthropic"]
