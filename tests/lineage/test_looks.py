"""Two candidates at the same look at the same held-out tasks: somebody counted anew, and the error was taken twice."""

import pytest

from agent.errors import AuditFailed
from agent.lineage.audit import audit
from agent.lineage.audit_whole import Recorded
from bench import history


def test_an_audit_finds_looks_that_were_counted_anew(tmp_path, monkeypatch):
    honest = history.make(tmp_path / "honest", 2)
    measured = history._Maker._measured

    def anew(self, case):
        self._tested = 0
        return measured(self, case)

    monkeypatch.setattr(history._Maker, "_measured", anew)
    forged = history.make(tmp_path / "forged", 2)

    assert audit(honest.folder, honest.root).ok
    (finding,) = audit(forged.folder, forged.root).findings
    assert (finding.slug, "c000000 had look 1 as well" in finding.reason) == ("successor", True)


def test_a_look_is_one_candidates_alone_and_tests_of_other_tasks_have_their_own():
    recorded = Recorded()
    recorded.test("a", (("x",), 1))
    recorded.test("a", (("x",), 1))  # denied, and decided again under a waiver
    recorded.test("b", (("x",), 2))
    recorded.test("c", (("y",), 1))

    with pytest.raises(AuditFailed, match=r"counted anew.*a had look 1 as well"):
        recorded.test("c", (("x",), 1))
