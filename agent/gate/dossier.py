"""The dossier: the exact bytes on which a decision about one candidate rests, and the one check that they agree.

The same function checks a dossier before the commit and in an audit years later: it makes everything again that can be
made again (diff, digests, verdict) and compares bytes, and for the rest demands the signature of the right key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from agent.candidate import Evidence
from agent.digest import canonical_json, read_canonical, sha256
from agent.edits.tree import File, Tree
from agent.edits.unified import apply_unified, unified_diff
from agent.errors import PolicyDenied, Refused, ReviewRefused, SignatureRefused
from agent.gate.facts import Facts
from agent.gate.review import BRANCH_PREFIX, ReviewRequest
from agent.gate.rules import Bundle, load_bundle
from agent.gate.signature import PublicKey, Signer
from agent.gate.statement import (
    Evaluation,
    Judgement,
    StatementKind,
    Subject,
    decode,
    is_about,
    pae,
    parse_envelope,
    parse_record,
    sign,
)
from agent.gate.trust import TrustRoot
from agent.gate.verdict import Memory, Verdict, judge_read
from agent.gate.waiver import About, Waivers, none_recorded, waive

DIFF: Final = "diff"
EVIDENCE: Final = "evidence.json"
FACTS: Final = "facts.json"
VERDICT: Final = "verdict.json"
EVALUATION: Final = "evaluation.dsse.json"
JUDGEMENT: Final = "verdict.dsse.json"
REQUEST: Final = "request.json"
NAMES: Final = frozenset({DIFF, EVIDENCE, FACTS, VERDICT, EVALUATION, JUDGEMENT, REQUEST})

POLICIES: Final = "policies/"
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Dossier:
    """The files of one candidate by name (`NAMES`), as stored and as signed. Make one with `assemble`."""

    files: Mapping[str, bytes]

    def __post_init__(self) -> None:
        if self.files.keys() != NAMES:
            odd = sorted(self.files.keys() ^ NAMES)
            raise Refused("the dossier is not complete", why=f"missing or unexpected: {', '.join(odd)[:200]!a}")
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))

    @cached_property
    def request(self) -> ReviewRequest:
        """What people are asked to sign. Raises `SignatureRefused` when it is malformed."""
        return parse_record(self.files[REQUEST], ReviewRequest, "the request for review")

    @cached_property
    def evidence(self) -> Evidence:
        """What was measured. Raises `SignatureRefused` when it is malformed."""
        return parse_record(self.files[EVIDENCE], Evidence, "the evidence", max_bytes=MAX_DOCUMENT_BYTES)

    def bundle(self, reviews: tuple[bytes, ...]) -> Tree:
        """Return these files and the reviews as a tree; its digest is what the successor commit names."""
        signed = {f"review-{number}.dsse.json": review for number, review in enumerate(reviews, start=1)}
        return Tree({name: File(content) for name, content in {**self.files, **signed}.items()})

    @classmethod
    def from_bundle(cls, bundle: Tree) -> tuple[Dossier, tuple[bytes, ...]]:
        """Split a stored bundle into the dossier and the reviews. Raises `Refused` when a file is out of place."""
        if any(file.executable for file in bundle.values()):
            raise Refused("the dossier is not complete", why="a file in it is executable")
        count = len(bundle) - len(NAMES & bundle.keys())
        reviews = tuple(name for i in range(1, count + 1) if (name := f"review-{i}.dsse.json") in bundle)
        files = {name: file.content for name, file in bundle.items() if name not in reviews}
        return cls(files), tuple(bundle[name].content for name in reviews)


@dataclass(frozen=True)
class Case:
    """What a dossier is about: the candidate, where it starts and ends, in which workspace, and who drafted it."""

    candidate: str
    base_commit: str
    base: Tree
    tree: Tree
    workspace: str
    """Fingerprint of the workspace's first trust root."""
    proposer: str
    """A person's name in the trust root, or the name of a machine such as `codemod`."""


def assemble(
    case: Case,
    evidence: Evidence,
    facts: Facts,
    verdict: Verdict,
    *,
    gate: Signer,
    evaluator: Signer,
    nonce: str,
    expires: int,
) -> Dossier:
    """Write and sign everything that people are then asked to review.

    `nonce` comes from `new_nonce`; `expires` is in seconds since 1970. Raises `Refused` when a name or ID has no valid
    form.
    """
    content = {
        DIFF: unified_diff(case.base, case.tree),
        EVIDENCE: canonical_json(evidence),
        FACTS: canonical_json(facts),
        VERDICT: verdict.content,
    }
    try:
        request = ReviewRequest.model_validate(
            {**_demanded(case, content, verdict), "nonce": nonce, "expires": expires}
        )
    except ValueError as error:
        raise Refused("no request for review can be made", why="an ID, a name or a commit has no valid form") from error
    subject = Subject(request.tree, request.manifest)
    content[EVALUATION] = sign(StatementKind.EVALUATION, subject, _evaluation(request), evaluator)
    content[JUDGEMENT] = sign(StatementKind.VERDICT, subject, _judgement(request), gate)
    content[REQUEST] = canonical_json(request)
    return Dossier(content)


def case_of(dossier: Dossier, base: Tree, workspace: str) -> Case:
    """Return what a dossier is about when only the base is known: the result is its diff, applied.

    Raises `Refused` when the diff, or the evidence, facts or verdict that were signed with it, were altered.
    """
    request = dossier.request
    for name, what, digest in (
        (DIFF, "diff", request.diff),
        (EVIDENCE, "evidence", request.evidence),
        (FACTS, "facts", request.facts),
        (VERDICT, "verdict", request.verdict),
    ):
        if sha256(dossier.files[name]) != digest:
            raise ReviewRefused(
                f"the {what} was altered after it was signed",
                why=f"its digest is {sha256(dossier.files[name])}, not {digest}",
                mend="Let the gate judge the candidate again",
            )
    tree = apply_unified(base, dossier.files[DIFF])
    return Case(request.candidate, request.base_commit, base, tree, workspace, request.proposer)


def check_dossier(
    dossier: Dossier,
    case: Case,
    root: TrustRoot,
    law: Callable[[Mapping[str, bytes]], Bundle] = load_bundle,
    memory: Memory | None = None,
    waivers: Waivers = none_recorded,
) -> ReviewRequest:
    """Return the request for review, made again from the bytes, or raise a `Refused` that says what does not agree.

    `case` must come from the repository (or from what is about to be written to it), never from the dossier. Only the
    nonce and the expiry are taken from the dossier: they are the gate's own, and the reviews must repeat them. `law`
    reads a policy; an auditor, who meets the same one again and again, passes one that remembers, and a `memory` of
    what its rules said. `waivers` finds those that the verdict names; whether they count at the moment of an approval
    is asked by `agent.gate.waiver.check_in_force`.
    """
    files = dossier.files
    # 1. The diff is the canonical one of these two trees, byte for byte.
    if files[DIFF] != unified_diff(case.base, case.tree):
        raise Refused("the stored diff is not the diff of base and result")
    # 2. The evidence and the facts are about this base, this diff and this result.
    evidence = dossier.evidence
    plain = read_canonical(files[FACTS])
    facts = parse_record(files[FACTS], Facts, "the facts", max_bytes=MAX_DOCUMENT_BYTES, canonical=plain is not None)
    expected = (case.base_commit, case.base.digest, case.tree.digest, sha256(files[DIFF]))
    for what, about in (("evidence is", evidence), ("facts are", facts.subject)):
        if (about.base_commit, about.base_tree, about.tree, about.diff) != expected:
            raise Refused(f"the {what} of another base, result or diff")
    # 3. The verdict is what the base's own policies say about these facts, replayed.
    verdict = _replayed(files, case, law(policies_of(case.base)), memory, waivers, plain)
    if files[VERDICT] != verdict.content:
        raise Refused("the stored verdict is not what the base's policy says about the stored facts")
    # 4. The request is the one that follows from all of these.
    request = dossier.request
    demanded = _demanded(case, files, verdict)
    if odd := [name for name, value in demanded.items() if getattr(request, name) != value]:
        raise Refused("the request for review is not about these bytes", why=f"differs in {', '.join(odd)}")
    # 5. Evaluator and gate signed for it, each with a key of its own role.
    _check_signed(StatementKind.EVALUATION, files[EVALUATION], _evaluation(request), request, root.evaluator_keys)
    _check_signed(StatementKind.VERDICT, files[JUDGEMENT], _judgement(request), request, root.gate_keys)
    return request


def about_of(case: Case) -> About:
    """Return what a waiver must be about to count for this candidate."""
    return About(
        case.candidate, case.base_commit, sha256(unified_diff(case.base, case.tree)),
        Subject(case.tree.git_id, case.tree.digest), case.workspace, case.proposer,
    )  # fmt: skip


def verdict_of(dossier: Dossier) -> Verdict:
    """Return the stored verdict. Raises `SignatureRefused` when it is malformed."""
    return parse_record(dossier.files[VERDICT], Verdict, "the verdict", max_bytes=MAX_DOCUMENT_BYTES)


def check_law_follows(base: Tree, tree: Tree, law: Callable[[Mapping[str, bytes]], Bundle] = load_bundle) -> None:
    """Raise `PolicyDenied` when `tree` changes the law and has no whole law of a higher version.

    So that an older law, which people approved once, cannot be put back as if it were the next.
    """
    if not any(path.startswith(POLICIES) for path in base.differing(tree)):
        return
    before, after = law(policies_of(base)).version, law(policies_of(tree)).version
    if after <= before:
        raise PolicyDenied(
            "the law is changed and its version is not raised",
            why=f"it is version {after}, and the law before it is version {before}",
            mend="Raise version in policies/bundle.yaml",
        )


def policies_of(tree: Tree) -> dict[str, bytes]:
    """Return the files of the policies folder of a tree, by path within it."""
    return {path: file.content for path, file in tree.below(POLICIES).items()}


def _replayed(
    files: Mapping[str, bytes], case: Case, bundle: Bundle, memory: Memory | None, waivers: Waivers, plain: Any
) -> Verdict:
    """Judge again, with the waivers that the stored verdict names."""
    verdict = judge_read(bundle, files[FACTS], memory, plain)
    if files[VERDICT].endswith(b'"waived":[]}'):  # as almost all do; read whole only where it names some
        return verdict
    named = parse_record(files[VERDICT], Verdict, "the verdict", max_bytes=MAX_DOCUMENT_BYTES).waived
    return waive(verdict, bundle, about_of(case), named, waivers) if named else verdict


def _demanded(case: Case, files: Mapping[str, bytes], verdict: Verdict) -> dict[str, str | int]:
    """All of a request for review that follows from the case and the bytes, by field."""
    return {
        "target": BRANCH_PREFIX + case.candidate,
        "workspace": case.workspace,
        "proposer": case.proposer,
        "base_commit": case.base_commit,
        "diff": sha256(files[DIFF]),
        "tree": case.tree.git_id,
        "manifest": case.tree.digest,
        "evidence": sha256(files[EVIDENCE]),
        "facts": sha256(files[FACTS]),
        "verdict": sha256(files[VERDICT]),
        "allowed": verdict.allowed,
        "policy": verdict.bundle,
        "policy_version": verdict.version,
    }


def _evaluation(request: ReviewRequest) -> Evaluation:
    return Evaluation(base_commit=request.base_commit, diff=request.diff, evidence=request.evidence)


def _judgement(request: ReviewRequest) -> Judgement:
    return Judgement(**{name: getattr(request, name) for name in Judgement.model_fields})


def _check_signed(
    kind: StatementKind,
    envelope: bytes,
    expected: Evaluation | Judgement,
    request: ReviewRequest,
    keys: frozenset[PublicKey],
) -> None:
    parsed, subject = parse_envelope(envelope), Subject(request.tree, request.manifest)
    key = parsed.signature.verify(kind.namespace, pae(parsed.payload))
    same = is_about(kind, parsed, subject, expected)
    if not same:
        decode(kind, parsed.payload, type(expected))  # what is no such statement at all is refused as that
    if key not in keys:
        raise SignatureRefused(f"the {kind} is signed with a key of another role", why=key.fingerprint)
    if not same:
        raise SignatureRefused(f"the signed {kind} is about other bytes")
