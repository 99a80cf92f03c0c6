"""Who may import whom. A guard of the design, not a boundary of security: the wall is the sandbox."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

VOCABULARY = {"agent", "agent.errors", "agent.digest", "agent.candidate", "agent.diagnosis", "agent.workspace"}
VALUES = {"pydantic", "structlog"}

# package -> (packages of ours it may import, third-party packages it may import). The most specific row wins.
ARROWS: dict[str, tuple[set[str], set[str]]] = {
    "agent": (set(), set()),
    "agent.errors": (set(), set()),
    "agent.digest": (set(), {"pydantic", "pydantic_core"}),
    "agent.log": (set(), {"structlog"}),
    "agent.candidate": ({"agent.errors"}, {"pydantic"}),
    "agent.diagnosis": ({"agent.candidate"}, {"pydantic"}),
    "agent.workspace": ({"agent.errors"}, {"pydantic"}),
    "agent.edits": (VOCABULARY | {"agent.edits"}, VALUES | {"libcst"}),
    "agent.propose": (VOCABULARY | {"agent.propose", "agent.edits", "sandbox"}, VALUES | {"libcst"}),
    "agent.evaluate": (
        VOCABULARY | {"agent.evaluate", "agent.edits", "sandbox"},
        VALUES | {"numpy", "scipy", "libcst"},
    ),
    "agent.gate": (
        VOCABULARY | {"agent.gate", "agent.edits"},
        VALUES | {"libcst", "yaml", "cel", "cel_expr_python", "cryptography", "securesystemslib"},
    ),
    "agent.lineage": (VOCABULARY | {"agent.lineage", "agent.gate", "agent.edits"}, VALUES | {"git", "gitdb"}),
    "agent.lineage.audit": (
        VOCABULARY | {"agent.lineage", "agent.gate", "agent.edits"},
        VALUES | {"dulwich"},
    ),
    "agent.lineage.audit_bundle": (VOCABULARY | {"agent.lineage", "agent.gate", "agent.edits"}, VALUES | {"dulwich"}),
    "agent.lineage.audit_git": (VOCABULARY | {"agent.lineage", "agent.gate", "agent.edits"}, VALUES | {"dulwich"}),
    "agent.lineage.pack_reader": (VOCABULARY, VALUES | {"dulwich"}),
    "agent.loop": (
        VOCABULARY
        | {"agent.loop", "agent.propose", "agent.evaluate", "agent.gate", "agent.lineage", "agent.edits", "sandbox"},
        VALUES,
    ),
    "agent.cli": ({"agent", "sandbox"}, VALUES | {"typer", "click", "rich", "yaml"}),
    "agent.__main__": ({"agent.cli"}, set()),
    "sandbox": ({"sandbox"}, {"structlog"}),
    "sandbox.docker_engine": ({"sandbox"}, {"docker", "requests", "structlog", "urllib3"}),
    "sandbox.image": ({"sandbox"}, {"docker", "libcst", "structlog"}),
    "sandbox.broker.upstream": ({"sandbox"}, {"h11", "httpcore2"}),  # the one place where a model is spoken to
    "sandbox.broker.network": ({"sandbox"}, {"h11"}),
    "sandbox.broker.connection": ({"sandbox"}, {"h11"}),
    "sandbox.broker.broker": ({"sandbox"}, {"uvloop"}),
    "sandbox.broker.local.serve": (set(), {"xllamacpp"}),  # a program of its own, and the extra is loaded in no other
    "sandbox.guest": (set(), {"pytest"}),
}
FIRST_PARTY = {"agent", "sandbox"}
SOURCES = sorted(p for f in FIRST_PARTY for p in (ROOT / f).rglob("*.py") if "_data" not in p.parts)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def owner(name: str) -> str:
    return max((key for key in ARROWS if (name + ".").startswith(key + ".")), key=len)


def imported_names(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import on line {node.lineno}"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def violations(module: str, source: str) -> list[str]:
    ours, theirs = ARROWS[owner(module)]
    found = []
    for name in imported_names(ast.parse(source)):
        top = name.split(".")[0]
        if top in FIRST_PARTY:
            allowed = any((name + ".").startswith(prefix + ".") for prefix in ours - {"agent"})
            # `agent` in a row of the vocabulary stands for the package itself (its version), not for all below it.
            allowed = allowed or name == "agent.__version__" or (module.startswith("agent.cli") and top in ours)
            if not allowed:
                found.append(name)
        elif top not in sys.stdlib_module_names and top not in theirs:
            found.append(name)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_house_may(path):
    assert violations(module_name(path), path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("agent.gate.rules", "import docker"),
        ("agent.gate.rules", "from agent.evaluate.suite import Suite"),
        ("agent.edits.diff", "def f():\n    from agent.loop.store import Store"),
        ("sandbox.transfer", "from agent.errors import Refused"),
        ("agent.lineage.audit", "import git"),
        ("agent.loop.run", "import docker"),
        ("sandbox.guest.runner", "from sandbox.contract import Limits"),
        ("sandbox.broker.policy", "import anthropic"),
        ("sandbox.broker.door", "import httpcore2"),
        ("sandbox.broker.ledger", "from agent.loop.store import Store"),
        ("agent.errors", "import pydantic"),
    ],
)
def test_a_planted_violation_is_caught(module, source):
    assert violations(module, source) != []


def test_nothing_imports_the_template():
    for path in SOURCES:
        names = imported_names(ast.parse(path.read_text("utf-8")))
        assert not [name for name in names if name.split(".")[0] in {"scaffold", "workspace_template", "policies"}], (
            path
        )
