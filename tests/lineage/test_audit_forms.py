"""One audit in several processes, of a bundle file, checked a second time, and told in three more forms."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
from concurrent.futures import ProcessPoolExecutor
from html.parser import HTMLParser

import pytest

from agent.errors import Infrastructure, Misuse, Refused, SuccessorError
from agent.lineage import audit_processes
from agent.lineage.audit import Wish, audit
from agent.lineage.audit_report import AuditReport, Finding, Line
from agent.lineage.cross_check import cross_check
from agent.lineage.report_html import as_html
from agent.lineage.report_sarif import as_sarif
from tests.lineage.world import git


def told(report):
    return (*report.as_dict().items(), [str(one) for one in report.findings])


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(audit_processes, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(audit_processes, "PART", 2)


def test_several_processes_find_what_one_finds(world, small_parts, monkeypatch):
    good = [audit(world.folder, world.root.fingerprint, Wish(processes=n, every=True)) for n in (1, 2)]
    blob = git(world.folder, "rev-parse", "gate-log:entries/00/00/03/bundle")
    (world.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    bad = [audit(world.folder, world.root.fingerprint, Wish(processes=n)) for n in (1, 2)]
    monkeypatch.undo()
    whole = audit(world.folder, world.root.fingerprint, Wish(processes=1))

    assert good[0].ok
    assert told(good[0]) == told(good[1])
    assert good[0].lines == good[1].lines
    assert told(bad[0]) == told(bad[1]) == told(whole)
    assert bad[0].findings[0].slug == "log-entry"


def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"


def test_ctrl_c_is_heard_by_who_waits_for_the_parts_and_by_none_that_checks_one():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=audit_processes._settle) as pool:
        assert pool.submit(interrupted).result() == "still here"


def test_parts_that_do_not_continue_each_other_are_found(world, small_parts, monkeypatch):
    """Each part believes what the commit before it stored; that this is so is asked when they are put together."""
    from agent.lineage import audit_log
    from agent.lineage.merkle import Frontier, leaf_hash

    real = audit_log.read_head

    def believed(read, root, size, origin):
        head = real(read, root, size, origin)
        other = Frontier(size, tuple(leaf_hash(b"%d" % at) for at in range(size.bit_count())))
        return type(head)(head.origin, other, head.root)

    monkeypatch.setattr(audit_log, "read_head", believed)
    report = audit(world.folder, world.root.fingerprint, Wish(processes=1))

    assert "checkpoint" in {finding.slug for finding in report.findings}


def test_a_process_that_dies_is_no_answer(world, small_parts, monkeypatch):
    from concurrent.futures.process import BrokenProcessPool

    def die(self, *_):
        raise BrokenProcessPool

    monkeypatch.setattr(audit_processes.ProcessPoolExecutor, "map", die)
    with pytest.raises(Infrastructure, match="a process of the audit died"):
        audit(world.folder, world.root.fingerprint, Wish(processes=2))


def test_a_bundle_file_is_audited_as_a_clone_is(world, tmp_path):
    git(world.folder, "bundle", "create", "-q", str(tmp_path / "all"), "--all")
    report = audit(tmp_path / "all", world.root.fingerprint)

    assert (report.ok, report.entries, report.successors) == (True, 6, 3)
    point = git(world.folder, "commit-tree", "main^{tree}", "-m", "evil")
    git(world.folder, "update-ref", "refs/heads/successor/e5", point)
    git(world.folder, "bundle", "create", "-q", str(tmp_path / "evil"), "--all")
    assert "outside" in {finding.slug for finding in audit(tmp_path / "evil", world.root.fingerprint).findings}


def test_a_bundle_that_is_not_whole_is_refused(world, tmp_path):
    git(world.folder, "bundle", "create", "-q", str(tmp_path / "thin"), "gate-log", "^main", "^gate-log~1")
    with pytest.raises(Refused, match="it needs objects that are elsewhere"):
        audit(tmp_path / "thin", world.root.fingerprint)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: b"",
        lambda c: b"# v9 git bundle\n" + c,
        lambda c: c.replace(b"refs/heads/main\n", b"refs/heads/main\r\n", 1).replace(b"refs/", b"../refs/", 1),
        lambda c: c[: len(c) // 2],
        lambda c: c[:-3] + b"xyz",
        lambda c: c.partition(b"PACK")[0],
    ],
)
def test_a_broken_bundle_is_refused_in_one_sentence(world, tmp_path, spoil):
    git(world.folder, "bundle", "create", "-q", str(tmp_path / "all"), "--all")
    (tmp_path / "broken").write_bytes(spoil((tmp_path / "all").read_bytes()))
    with pytest.raises(SuccessorError):
        audit(tmp_path / "broken", world.root.fingerprint)


def test_git_and_ssh_keygen_agree_with_the_audit(world, tmp_path):
    world.revoke("c3")
    world.change_root(world.next_root(), "bob")
    report = audit(world.folder, world.root.fingerprint)

    # Eight log commits, four generations; two statements for each of five candidates, five reviews, two more.
    assert cross_check(world.folder, report) == 8 + 4 + 5 * 2 + 5 + 2
    assert report.ok


def test_a_cross_check_does_not_rest_on_the_audit(world, tmp_path):
    """What only git and ssh-keygen look at is found by them: here the audit is told that all is well."""
    world.force(
        world.draft("x9", "successor/e5"), world.sign(world.draft("y8", "main"), "alice"), signer=world.people["bob"]
    )
    told_well = AuditReport(str(world.folder), world.root.fingerprint)
    cross_check(world.folder, told_well)

    assert [finding.slug for finding in told_well.findings] == ["cross-check"]
    assert "git does not find the signature good" in told_well.findings[0].reason


def test_a_cross_check_runs_nothing_that_the_clone_configures(world, tmp_path):
    trap, marker = tmp_path / "trap", tmp_path / "ran"
    trap.write_text(f"#!/bin/sh\ntouch {marker}\nexit 0\n")
    trap.chmod(0o755)
    for key in ("gpg.program", "gpg.ssh.program", "core.fsmonitor", "core.pager", "log.showSignature"):
        git(world.folder, "config", key, str(trap) if key != "log.showSignature" else "true")
    report = audit(world.folder, world.root.fingerprint)
    cross_check(world.folder, report)

    assert report.ok
    assert not marker.exists()


def test_a_machine_without_git_says_so(world, monkeypatch):
    report = audit(world.folder, world.root.fingerprint)
    monkeypatch.setattr("agent.lineage.cross_check._ENVIRONMENT", {"PATH": "/nowhere"})
    with pytest.raises(Misuse, match="git is not installed"):
        cross_check(world.folder, report)


HOSTILE = "</td><script>alert(1)</script>\u202e\x1b[2K&\"'"


def hostile_report():
    report = AuditReport(HOSTILE, "sha256:0", checkpoint="o\n1\nr\n\n\N{EM DASH} o x\n", entries=1)
    report.find("slug", HOSTILE, HOSTILE)
    report.notes.append(HOSTILE)
    report.revoked.append("c1")
    report.lines.append(Line(0, "successor", "c1", "0" * 40, 2**52, (HOSTILE,), HOSTILE))
    return report


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_the_page_is_text_whatever_the_repository_says():
    page = as_html(hostile_report(), HOSTILE)
    elements = Elements()
    elements.feed(page)
    tags = {tag for tag, _ in elements.seen}

    assert tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "strong", "br", "code", "pre", "ul",
        "li", "table", "caption", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert not any(name.startswith("on") or name in ("src", "href") for _, attrs in elements.seen for name in attrs)
    assert "default-src 'none'" in page
    assert set(re.findall(r"[^\x20-\x7e\n]", page)) == {"\N{EM DASH}"}
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_lists_every_decision_and_marks_what_was_revoked(world):
    world.revoke("c3")
    page = as_html(audit(world.folder, world.root.fingerprint, Wish(every=True)))

    assert page.count("<tr") == 1 + 7
    assert page.count('class="revoked"') == 3  # c3, e5, and the entry that says so


def test_sarif_holds_each_finding_with_its_rule(world):
    git(world.folder, "update-ref", "-d", "refs/heads/successor/c3")
    git(world.folder, "tag", "v1", "main")
    report = audit(world.folder, world.root.fingerprint)
    document = json.loads(json.dumps(as_sarif(report, "1.2.3")))
    (run,) = document["runs"]

    assert (document["version"], run["tool"]["driver"]["version"]) == ("2.1.0", "1.2.3")
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["missing-branch", "note"]
    assert [(one["ruleId"], one["ruleIndex"], one["level"]) for one in run["results"]] == [
        ("missing-branch", 0, "error"), ("note", 1, "note"),
    ]  # fmt: skip
    assert run["invocations"] == [{"executionSuccessful": True, "exitCode": 1}]


def test_the_answer_of_the_command_line_is_one_document(world, tmp_path):
    from typer.testing import CliRunner

    from agent.cli.app import app

    seen = tmp_path / "seen"
    command = ["audit", str(world.folder), "--root", world.root.fingerprint, "--json", "--remember", str(seen)]
    files = ["--sarif", str(tmp_path / "s.sarif"), "--html", str(tmp_path / "p.html"), "--cross-check"]
    first = CliRunner().invoke(app, [*command, *files])
    remembered = seen.read_bytes()
    world.approve(world.draft("f6", "successor/e5"), "bob")
    second = CliRunner().invoke(app, command)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert json.loads(first.stdout)["cross_checked"] == 25
    assert json.loads((tmp_path / "s.sarif").read_text())["runs"][0]["results"] == []
    assert (tmp_path / "p.html").read_text().startswith("<!doctype html>")
    assert remembered == world.checkpoint("gate-log~1").content
    assert seen.read_bytes() == world.checkpoint().content
    git(world.folder, "update-ref", "refs/heads/gate-log", git(world.folder, "rev-parse", "gate-log~1"))
    git(world.folder, "update-ref", "-d", "refs/heads/successor/f6")
    third = CliRunner().invoke(app, command)
    assert third.exit_code == 1
    assert b"\n7\n" in seen.read_bytes()  # what was seen is not forgotten because it is gone


def test_a_finding_reads_as_one_line():
    assert str(Finding("slug", "where", "why")) == "where: why"


def test_the_audit_starts_no_program_beyond_itself(world, small_parts, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("started a program")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert audit(world.folder, world.root.fingerprint, Wish(processes=2)).ok
