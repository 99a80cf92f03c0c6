"""Where one module reaches for more than computing: every risky reference, literal, assignment and definition in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from agent.gate.capabilities import table
from agent.gate.source import bindings, dotted, imported_modules, is_test, module_of, walked

# Handing one of these around as a value hides which of its functions is meant.
_POWERFUL = frozenset({"os", "sys", "posix", "io", "pathlib", "asyncio", "gc", "inspect", "types", "codecs"})

# Names that the interpreter or a comparison goes by; the other dunder names only describe.
_LIVE_NAMES = frozenset(
    {"__name__", "__file__", "__builtins__", "__loader__", "__spec__", "__package__", "__path__", "__debug__"}
    | {"__class__", "__eq__", "__ne__"}
)

# Undone by pytest after the test, and the plain way to hand a program its input.
_PATCHED_FOR_A_TEST = frozenset({"monkeypatch.setattr", "monkeypatch.delattr"})

_OUTSIDE = re.compile(
    r"""(?:^|[\s"'=:(])(?:/(?:etc|proc|sys|dev(?!/null\b)|root|home|usr|var|opt|run|boot|mnt|media|srv|lib|bin|sbin|tmp|cand|
    corpus)(?:/|$) | ~[\w.-]*/ | (?:[^\s"']*/)?\.\.(?:/|$))""",
    re.VERBOSE,
)
_SENSED = re.compile(r"PYTEST_|/\.dockerenv|\bGITHUB_ACTIONS\b|\bSUCCESSOR_|^CI$|^HOSTNAME$")
_ENCODED = re.compile(r"[A-Za-z0-9+/_=-]{120,}|(?:\\x[0-9a-fA-F]{2}){16,}")
_NUMBER = re.compile(r"Constant\(value=-?(?:[\d.]+(?:e[-+]?\d+)?j?|inf|nan)\)")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place. Two with the same `key` are interchangeable between base and result."""

    kind: str
    name: str
    line: int
    key: str


def occurrences(module: ast.Module, path: str, own: frozenset[str]) -> tuple[Occurrence, ...]:
    """Return every risky place of a module. `own` are the names of the workspace's own modules."""
    reader = _Reader(module, path, own)
    reader.imports(module)
    reader.visit(module)
    return tuple(reader.found)


class _Reader(ast.NodeVisitor):
    """Walks a module once. `found` grows in source order within each kind of place."""

    def __init__(self, module: ast.Module, path: str, own: frozenset[str]) -> None:
        self.found: list[Occurrence] = []
        self._bound = bindings(module)
        self._own = own
        self._reachable = frozenset(table().modules) - own
        self._zone = "tests" if is_test(path) else "mind"
        self._is_main = path.rsplit("/", 1)[-1] == "__main__.py"

    def _add(self, kind: str, name: str, node: ast.AST, context: ast.AST | None = None) -> None:
        shape = _NUMBER.sub("0", ast.dump(context)) if context else ""
        self.found.append(Occurrence(kind, name, getattr(node, "lineno", 0), f"{self._zone} {kind} {name} {shape}"))

    def imports(self, module: ast.Module) -> None:
        """Record imports of risky modules, risky names taken from modules, and star imports."""
        for name, line in imported_modules(module):
            # What tests may do beyond the mind must not come back into the mind as a helper.
            from_tests = self._zone == "mind" and name.partition(".")[0] == "tests"
            if kind := "obscure" if from_tests else table().of_module(name):
                self._add(kind, f"import {name}", ast.Pass(lineno=line))
        for node in walked(module):
            if isinstance(node, ast.ImportFrom):
                self._import_from(node)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = module_of(node)
        for alias in node.names:
            name = f"{module}.{alias.name}"
            if alias.name == "*":
                self._add("obscure", f"from {module} import *", node)
            elif table().of_module(module):
                continue  # the import of the module says it
            elif kind := table().names.get(name) or table().of_module(name):
                self._add(kind, f"import {name}", node)
            elif alias.name not in self._own and (kind := table().modules.get(alias.name)):
                self._add(kind, f"import {name}", node)  # another module's import, passed on

    # References --------------------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        """A call: its function is a reference with the call as context."""
        self._opening(node)
        self._setting(node)
        self._reference(node.func, node)
        for child in (*node.args[self._patches_for_a_test(node) :], *node.keywords):
            self.visit(child)

    def _patches_for_a_test(self, node: ast.Call) -> bool:
        return self._zone == "tests" and dotted(node.func) in _PATCHED_FOR_A_TEST and len(node.args) > 1

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A reference that is not called, or an assignment to an attribute."""
        if not isinstance(node.ctx, ast.Load) and (chain := dotted(node)) and chain.split(".")[0] in self._bound:
            self._add("patching", f"sets {self._qualified(chain)}", node)
        self._reference(node, None)

    def visit_Name(self, node: ast.Name) -> None:
        """A bare name: a builtin, an imported name, or one of the interpreter's own being rebound."""
        rebound = not isinstance(node.ctx, ast.Load)
        if rebound and node.id in _LIVE_NAMES:
            self._add("patching", f"sets {node.id}", node)
        if not rebound:
            self._reference(node, None)

    def _reference(self, node: ast.expr, call: ast.Call | None) -> None:
        inner = node
        while isinstance(inner, ast.Attribute):
            if kind := table().attributes.get(inner.attr):
                self._add(kind, f".{inner.attr}", inner)
            inner = inner.value
        if isinstance(node, ast.Attribute) and call and (kind := table().methods.get(node.attr)):
            self._add(kind, f".{node.attr}()", node, call)
        if chain := dotted(node):
            self._named(chain, node, call)
        else:
            self.visit(inner)

    def _named(self, chain: str, node: ast.expr, call: ast.Call | None) -> None:
        name, kind = self._meaning(chain)
        if kind and not (kind == "exit" and self._is_main and name in {"sys.exit", "exit", "quit"}):
            self._add(kind, name, node, call)

    def _meaning(self, chain: str) -> tuple[str, str | None]:
        root, full = chain.partition(".")[0], self._qualified(chain)
        # Through another module's import any module can be reached; on a mere object the name may be an attribute.
        if found := table().within(full, self._reachable if root in self._bound else frozenset()):
            return found
        if root not in self._bound:
            return chain, table().builtins.get(root) or table().names.get(chain)
        if full in _POWERFUL:
            return f"{full} as a value", "obscure"
        return full, table().of_name(full)

    def _qualified(self, chain: str) -> str:
        root, dot, rest = chain.partition(".")
        return self._bound.get(root, root) + dot + rest

    def _opening(self, node: ast.Call) -> None:
        """`open` for writing, or in a mode that is not written down."""
        name = self._qualified(dotted(node.func) or "")
        is_function = name in {"open", "io.open", "codecs.open", "_io.open"}
        if not is_function and not (isinstance(node.func, ast.Attribute) and node.func.attr == "open"):
            return
        given = [keyword.value for keyword in node.keywords if keyword.arg == "mode"] or node.args[is_function:][:1]
        mode = given[0] if given else ast.Constant("r")
        unpacked = any(isinstance(arg, ast.Starred) for arg in node.args) or any(k.arg is None for k in node.keywords)
        written = isinstance(mode, ast.Constant) and isinstance(mode.value, str) and not unpacked
        if not written or set(str(getattr(mode, "value", ""))) & set("wax+"):
            self._add("files", "open() for writing", node, node)

    def _setting(self, node: ast.Call) -> None:
        """`setattr` and `delattr` on something imported: another module's behaviour changes."""
        target = dotted(node.args[0]) if node.args else None
        sets = isinstance(node.func, ast.Name) and node.func.id in {"setattr", "delattr"}
        if sets and target and target.partition(".")[0] in self._bound:
            self._add("patching", f"setattr on {self._qualified(target)}", node, node)

    # Statements and literals -------------------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> None:
        """Below `if __name__ == "__main__":` a program may end itself."""
        self.visit(node.test)
        before = self._is_main
        self._is_main = before or ast.unparse(node.test) in ("__name__ == '__main__'", "'__main__' == __name__")
        for child in node.body:
            self.visit(child)
        self._is_main = before
        for child in node.orelse:
            self.visit(child)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Raising what ends the process."""
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = raised.id if isinstance(raised, ast.Name) else ""
        if name in {"SystemExit", "KeyboardInterrupt"} and not (self._is_main and name == "SystemExit"):
            self._add("exit", f"raise {name}", node)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A comparison that always says yes makes every assertion about the object vacuous."""
        last = node.body[-1]
        fixed = isinstance(last, ast.Return) and isinstance(last.value, ast.Constant) and len(node.body) <= 2
        if node.name in {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"} and fixed:
            self._add("patching", f"{node.name} that always answers the same", node)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """A docstring is text for people."""
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A literal that names a place outside, senses where it runs, or hides what it says."""
        if isinstance(node.value, bytes):
            text = node.value.decode("latin-1")
            opaque = len(text) >= 64 and sum(not c.isprintable() for c in text) * 4 > len(text)
        else:
            text, opaque = node.value if isinstance(node.value, str) else "", False
        for kind, name in _literal(text, opaque=opaque):
            self._add(kind, name, node, node)


def _literal(text: str, *, opaque: bool) -> Iterator[tuple[str, str]]:
    shown = "".join(takewhile(lambda c: c != "\n", text.strip()))[:60]
    if kind := table().attributes.get(text):
        yield kind, f'"{shown}"'
    if _OUTSIDE.search(text):
        yield "outside", f'"{shown}"'
    if _SENSED.search(text):
        yield "environment", f'"{shown}"'
    if opaque or _ENCODED.search(text):
        yield "encoded", f"{len(text)} characters of encoded data"
