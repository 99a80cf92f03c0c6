"""The size and shape of the code: modules and functions that fit in a head."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    p
    for folder in ("agent", "sandbox", "bench", "workspace_template")
    for p in (ROOT / folder).rglob("*.py")
    if "_data" not in p.parts
)
MAX_MODULE = 300
MAX_FUNCTION = 40
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "base", "common", "misc"}

# path -> why this module may be longer. Keep it empty if you can.
LONGER: dict[str, str] = {}


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators and docstring."""
    start = node.body[0]
    is_docstring = isinstance(start, ast.Expr) and isinstance(start.value, ast.Constant) and len(node.body) > 1
    docstring = (start.end_lineno or 0) - start.lineno + 1 if is_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_fit_in_a_head(path):
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    name = str(path.relative_to(ROOT))

    assert source.count("\n") <= MAX_MODULE or name in LONGER
    assert [f"{f.name}: {body_lines(f)}" for f in functions(tree) if body_lines(f) > MAX_FUNCTION] == []
    assert path.stem not in FORBIDDEN_NAMES
    assert ast.get_docstring(tree), "a module says what it is for"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_print_no_global_no_swallowing(path):
    name = str(path.relative_to(ROOT))
    if name.startswith(("bench/", "workspace_template/", "sandbox/guest/")):
        pytest.skip("speaks on standard output by design")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        assert not isinstance(node, ast.Global), f"global on line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"print on line {node.lineno}"
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "BaseException"):
            assert any(isinstance(n, ast.Raise) for n in ast.walk(node)), f"swallows everything on line {node.lineno}"


def test_functions_are_short_in_the_middle_too():
    lengths = sorted(body_lines(f) for path in SOURCES for f in functions(ast.parse(path.read_text("utf-8"))))

    assert lengths[len(lengths) // 2] <= 12


def test_subpackages_do_not_reexport():
    """A facade that imports a backend loads it into everything; see the import-weight test."""
    for path in SOURCES:
        if path.name == "__init__.py" and "workspace_template" not in path.parts and path.parent.name != "cli":
            body = ast.parse(path.read_text("utf-8")).body
            assert not [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)], path
