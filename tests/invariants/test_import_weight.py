"""Light houses stay light: an auditor's process never loads an engine client or a model SDK."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"anthropic", "httpcore2", "httpx2", "uvloop", "docker", "git", "scipy", "numpy"}

FORBIDDEN = {
    "agent.candidate": HEAVY | {"libcst"},
    "agent.workspace": HEAVY | {"libcst"},
    "agent.edits.diff": HEAVY,
    "agent.edits.unified": HEAVY | {"libcst"},
    "agent.gate.verdict": HEAVY,
    "agent.gate.review": HEAVY,
    "agent.gate.facts": HEAVY,
    "agent.lineage.audit": HEAVY,
    "agent.evaluate.evaluator": {"anthropic", "docker", "git"},
    "agent.propose.codemod": HEAVY,
    "agent.propose.claude": HEAVY,
    "agent.propose.brief": HEAVY | {"libcst"},
    "agent.diagnosis": HEAVY | {"libcst"},
    "agent.loop.store": {"anthropic", "docker", "git"},
    "agent.cli": HEAVY | {"libcst"},
    "sandbox.contract": HEAVY,
    "sandbox.choose": {"anthropic", "git", "docker"},
    "sandbox.bubblewrap_backend": {"anthropic", "git", "docker"},
    "sandbox.broker.broker": HEAVY | {"libcst", "pydantic"},
    "sandbox.broker.local.model": HEAVY | {"libcst", "pydantic", "xllamacpp"},
    "sandbox.broker.ledger": HEAVY | {"asyncio", "h11"},
    "sandbox.broker.policy": HEAVY | {"asyncio", "h11"},
}


@pytest.mark.parametrize("module", FORBIDDEN)
def test_importing_a_light_module_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(sorted({FORBIDDEN[module]!r} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)

    assert out.stdout == "[]\n"
