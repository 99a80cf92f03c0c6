"""Names in Python source, traced back to where they come from, as far as that is plain to see.

`import os as o; e = o.environ; e["CI"]` reads `os.environ`. Assignments are followed without regard to scope or order,
which errs towards seeing too much.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_MAX_HOPS = 20


class Resolver:
    """The names of one module."""

    def __init__(self, module: ast.Module) -> None:
        self._parents = {child: node for node in ast.walk(module) for child in ast.iter_child_nodes(node)}
        self._imports: dict[str, str] = {}
        self._assigned: dict[str, ast.expr] = {}
        # Each answer is found once: names that stand for each other would else be followed exponentially often.
        self._dotted: dict[tuple[ast.AST, int], str] = {}
        self._texts: dict[ast.AST, str | None] = {}
        for node in ast.walk(module):
            self._learn(node)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._imports[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                self._imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    self._assigned.setdefault(target.id, node.value)

    def dotted(self, node: ast.AST, hops: int = 0) -> str:
        """Return the full dotted name of an expression, or an empty string when it is none."""
        if hops > _MAX_HOPS:
            return ""
        if (node, hops) not in self._dotted:
            self._dotted[node, hops] = self._dotted_anew(node, hops)
        return self._dotted[node, hops]

    def _dotted_anew(self, node: ast.AST, hops: int) -> str:
        if isinstance(node, ast.Name):
            assigned = self._assigned.get(node.id)
            through = self.dotted(assigned, hops + 1) if assigned is not None and node.id not in self._imports else ""
            return self._imports.get(node.id) or (through if "." in through else "") or node.id
        if isinstance(node, ast.Attribute):
            return _join(self.dotted(node.value, hops + 1), node.attr)
        if isinstance(node, ast.Call):
            return self._called(node, hops + 1)
        return self._subscripted(node, hops + 1) if isinstance(node, ast.Subscript) else ""

    def _called(self, node: ast.Call, hops: int) -> str:
        """Calls that stand for a name: `getattr(os, "environ")`, `__import__("os")`, copies of a mapping."""
        function = self.dotted(node.func, hops)
        texts = [self.text(argument) for argument in node.args]
        if function == "getattr" and len(texts) > 1 and texts[1]:
            return _join(self.dotted(node.args[0], hops), texts[1])
        if function in ("__import__", "importlib.import_module") and texts and texts[0]:
            return texts[0]
        if function == "dict" and node.args:
            return self.dotted(node.args[0], hops)
        return function.removesuffix(".copy") if function == "os.environ.copy" else ""

    def _subscripted(self, node: ast.Subscript, hops: int) -> str:
        """Subscripts that stand for a name: `sys.modules["os"]`, `os.__dict__["environ"]`, `vars(os)["environ"]`."""
        key, value = self.text(node.slice), node.value
        if key is None:
            return ""
        if isinstance(value, ast.Call) and self.dotted(value.func, hops) == "vars" and value.args:
            return _join(self.dotted(value.args[0], hops), key)
        owner = self.dotted(value, hops)
        if owner == "sys.modules":
            return key
        return _join(owner.removesuffix(".__dict__"), key) if owner.endswith(".__dict__") else ""

    def read(self, node: ast.AST) -> str:
        """Like `dotted`, but only where the program reads, not where it binds, and not the inner parts of a name."""
        if not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            return ""
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return ""
        return self.dotted(node)

    def all_read(self, node: ast.AST) -> Iterator[str]:
        """Yield every name that an expression reads."""
        for part in ast.walk(node):
            yield self.read(part)

    def text(self, node: ast.AST) -> str | None:
        """Return the text of a literal, or of literals put together; `None` for anything else and for docstrings."""
        if node not in self._texts:
            self._texts[node] = self._text_anew(node)
        return self._texts[node]

    def _text_anew(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant):
            documentation = isinstance(self._parents.get(node), ast.Expr)
            return node.value if isinstance(node.value, str) and not documentation else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.text(node.left), self.text(node.right)
            return left + right if left is not None and right is not None else None
        return None

    def origin(self, node: ast.expr) -> ast.expr:
        """Return what a plain name was first set to in this module, and anything else as it is."""
        return self._assigned.get(node.id, node) if isinstance(node, ast.Name) else node

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield a node and all that it stands in, from the inside out."""
        yield node
        while (node := self._parents.get(node)) is not None:  # type: ignore[assignment]  # ends with the module
            yield node

    def is_module(self, node: ast.AST) -> bool:
        """Whether an expression is a plain name that was imported."""
        return isinstance(node, ast.Name) and node.id in self._imports

    def handed_on(self, node: ast.AST) -> bool:
        """Whether a mapping is only copied whole, merged, bound to a name, or written to."""
        parent = self._parents.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr == "copy":
            return True
        if isinstance(parent, ast.Subscript) and parent.value is node:
            return not isinstance(parent.ctx, ast.Load)
        if isinstance(parent, ast.Call) and node in parent.args:
            return self.dotted(parent.func) == "dict"
        # A name bound to the mapping is traced, so what is done with the name is seen where it is done.
        return isinstance(parent, ast.keyword | ast.Dict | ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.BinOp)

    def key_beside(self, node: ast.AST) -> str:
        """Return the key that a mapping is asked for, quoted, or an empty string."""
        parent = self._parents.get(node)
        text = self.text(parent.slice) if isinstance(parent, ast.Subscript) else None
        if isinstance(parent, ast.Compare):
            text = self.text(parent.left)
        call = self._parents.get(parent) if isinstance(parent, ast.Attribute) else None
        if isinstance(call, ast.Call) and call.args:
            text = self.text(call.args[0])
        return ascii(text) if text is not None else ""


def _join(owner: str, name: str) -> str:
    return f"{owner}.{name}" if owner else ""
