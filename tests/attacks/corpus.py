"""The corpus: attacks on a good repository, each made by code, each with the answer that an audit must give.

One entry is one attack: a name, a function that spoils a copy of the good history (and may return another place to
audit), the kind of finding, and words of its reason. Every one of them ends with exit code 1. The rows of `TABLE` are
the attacks that the design promises to stop; each names the entries that show it.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.digest import canonical_json
from agent.edits.tree import File, Tree
from agent.gate.dossier import Dossier
from agent.gate.note import COSIGNER_KEY, Checkpoint, Verifier, cosign, sign_checkpoint
from agent.gate.review import Decision, review_payload, sign_review
from agent.gate.signature import Signature, armor
from agent.gate.signer import MachineKey
from agent.gate.statement import StatementKind, Subject, pae, parse_envelope, seal
from agent.gate.trust_change import change_files, sign_change
from agent.gate.verdict import Verdict, Waived
from agent.gate.waiver import waiver_files
from agent.lineage.gate_log import append, last_index, read_entry
from agent.lineage.objects import NewObjects, gate_commit, parse_commit
from tests.lineage.world import START, World, git, longer

BASE = "successor/e5"
ZERO = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Attack:
    """One attack. `options` are what the auditor gives beside the fingerprint, made before the attack."""

    name: str
    slug: str
    reason: str
    build: Callable[[World], Path | None]
    options: Callable[[World], list[str]] = field(default=lambda world: [])
    exit_code: int = 1


CORPUS: list[Attack] = []


def attack(name, slug, reason, options=lambda world: []):
    """Put a function into the corpus."""

    def listed(build):
        CORPUS.append(Attack(name, slug, reason, build, options))
        return build

    return listed


def each(table, slug=None):
    """Put one attack for each row of a table into the corpus: name, argument, reason."""

    def listed(build):
        for name, argument, reason in table:
            CORPUS.append(Attack(name, slug or reason[0], reason, lambda world, a=argument: build(world, a)))
        return build

    return listed


def raw(world, revision):
    with world.open() as repository:
        return repository.read(repository.resolve(revision), "commit")


def store(world, body, kind="commit"):
    return git(world.folder, "hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=body)


def point(world, branch, commit):
    git(world.folder, "update-ref", f"refs/heads/{branch}", commit)


def evil(world):
    return git(world.folder, "commit-tree", "main^{tree}", "-p", "main", "-m", "evil")


def clone(world, *how):
    place = world.folder.parent / "clone"
    git(world.folder.parent, "clone", "--quiet", *how, f"file://{world.folder}", str(place))
    return place


# Git itself


@attack("a replace ref shows another commit", "replace-ref", "makes git show another object")
def _(world):
    git(world.folder, "replace", world.tip("successor/a1"), evil(world))


@attack("grafts give a commit other parents", "graft", "other parents than they have")
def _(world):
    (world.folder / ".git/info/grafts").write_text(world.tip("successor/c3") + "\n")


@attack("a shallow clone cuts history off", "shallow", "history is cut off")
def _(world):
    return clone(world, "--depth=1", "--no-single-branch")


@attack("objects are borrowed from elsewhere", "alternates", "borrowed from another repository")
def _(world):
    place = world.folder.parent / "shared"
    git(world.folder.parent, "clone", "--quiet", "--shared", str(world.folder), str(place))
    return place


@attack("a partial clone fetches objects later", "partial", "objects are missing on purpose")
def _(world):
    pack = world.folder / ".git/objects/pack"
    pack.mkdir(exist_ok=True)
    (pack / "pack-1.promisor").touch()


@attack("refs in a form that is not read", "reftable", "reftable form")
def _(world):
    (world.folder / ".git/reftable").mkdir()


@attack("a tag that git finds before the branch", "shadowed", "means refs/tags/main to git")
def _(world):
    git(world.folder, "tag", "main", evil(world))


@attack("a ref that is a symbolic link", "linked-ref", "is a symbolic link")
def _(world):
    git(world.folder, "update-ref", "refs/heads/zzz", evil(world))
    (world.folder / ".git/refs/heads/main").unlink()
    (world.folder / ".git/refs/heads/main").symlink_to("refs/heads/zzz")
    (world.folder / ".git/refs/heads/refs/heads").mkdir(parents=True)
    (world.folder / ".git/refs/heads/refs/heads/zzz").write_text(world.tip("successor/a1") + "\n")


@attack("an index over all packs", "multi-pack-index", "an index over all packs")
def _(world):
    git(world.folder, "repack", "-adq")
    git(world.folder, "multi-pack-index", "write")


@attack("an object is missing", "successor", "cannot be read: missing")
def _(world):
    victim = git(world.folder, "rev-parse", "successor/a1:scaffold/search.py")
    (world.folder / ".git/objects" / victim[:2] / victim[2:]).unlink()


@attack("one branch alone is cloned", "no-log", "nothing is proven")
def _(world):
    return clone(world, "--single-branch", "--branch=main")


# Branches


@attack("a commit on top of a successor", "outside", "is not the successor that the gate log records")
def _(world):
    commit = git(world.folder, "commit-tree", "successor/e5^{tree}", "-p", "successor/e5", "-m", "evil")
    point(world, "successor/e5", commit)


@attack("a commit on main", "outside", "main holds a commit that the gate log does not record")
def _(world):
    point(world, "main", evil(world))


@attack("a branch that claims to be a successor", "outside", "successor/x9 is not the successor")
def _(world):
    point(world, "successor/x9", evil(world))


@attack("a successor's branch on another successor", "outside", "successor/a1 is not the successor")
def _(world):
    point(world, "successor/a1", world.tip("successor/c3"))


@attack("a successor's branch deleted", "missing-branch", "that the gate log records is not here")
def _(world):
    git(world.folder, "update-ref", "-d", "refs/heads/successor/c3")


@attack("a branch that differs by letter case", "outside", "Gate-Log holds a commit")
def _(world):
    point(world, "Gate-Log", evil(world))


@attack("something else is checked out", "head", "what is checked out is not a commit")
def _(world):
    point(world, "nicer", evil(world))
    git(world.folder, "symbolic-ref", "HEAD", "refs/heads/nicer")


# The gate log


@attack("the log removed", "no-log", "nothing is proven")
def _(world):
    git(world.folder, "update-ref", "-d", "refs/heads/gate-log")


@attack("the log rewound below its successors", "outside", "successor/e5 is not the successor")
def _(world):
    point(world, "gate-log", git(world.folder, "rev-parse", "gate-log~2"))


def cut(world):
    """The thief cuts off the end of the log together with the branches that it names: nothing in a clone shows it."""
    point(world, "gate-log", git(world.folder, "rev-parse", "gate-log~1"))
    git(world.folder, "update-ref", "-d", "refs/heads/successor/e5")


def remembered(world):
    path = world.folder.parent / "seen"
    path.write_bytes(world.checkpoint().content)
    return ["--checkpoint", str(path)]


@attack("the end of the log cut off with its branches", "remembered-checkpoint", "the log is shorter", remembered)
def _(world):
    cut(world)


@attack("the log written anew with the gate's key", "remembered-checkpoint", "is not the one that was seen", remembered)
def _(world):
    cut(world)
    world.approve(world.draft("f6", "successor/c3"), "bob")


WITNESS = MachineKey.generate()


def witnessed(world):
    path = world.folder.parent / "cosigned"
    path.write_bytes(cosign(world.checkpoint(), "w.example/1", START, WITNESS).content)
    return ["--cosigned", str(path), "--witness", Verifier("w.example/1", WITNESS.key, COSIGNER_KEY).line]


@attack("entries that a witness has seen withheld", "cosigned-checkpoint", "the log is shorter than it was", witnessed)
def _(world):
    cut(world)


@attack("a cosignature of somebody else", "not-witnessed", "has not cosigned this log", witnessed)
def _(world):
    forged = cosign(world.checkpoint(), "w.example/1", START, MachineKey.generate())
    (world.folder.parent / "cosigned").write_bytes(forged.content)


@attack("a cosignature with another time", "forged-cosignature", "the signature is wrong", witnessed)
def _(world):
    path = world.folder.parent / "cosigned"
    note = cosign(world.checkpoint(), "w.example/1", START, WITNESS)
    mark = replace(note.marks[1], value=(START + 1).to_bytes(8, "big") + note.marks[1].value[8:])
    path.write_bytes(replace(note, marks=(note.marks[0], mark)).content)


@attack("a merge in the log", "unreadable", "is a merge")
def _(world):
    parent = git(world.folder, "rev-parse", "gate-log~3")
    body = raw(world, "gate-log").replace(b"\nauthor", f"\nparent {parent}\nauthor".encode(), 1)
    point(world, "gate-log", store(world, body))


@attack("a log commit without a signature", "log-entry", "the commit is not signed")
def _(world):
    point(world, "gate-log", store(world, parse_commit(raw(world, "gate-log")).payload))


@attack("a log commit signed by a reviewer", "log-entry", "the commit is not signed by the gate")
def _(world):
    commit = parse_commit(raw(world, "gate-log"))
    body = gate_commit(commit.tree, commit.parents[0], world.clock, commit.message, world.people["alice"])
    point(world, "gate-log", store(world, body))


@attack("a log commit that says something else", "log-entry", "does not say what its entry says")
def _(world):
    commit = parse_commit(raw(world, "gate-log"))
    point(world, "gate-log", store(world, gate_commit(commit.tree, commit.parents[0], world.clock, "x\n", world.gate)))


@attack("a commit of the log without an entry", "log-chain", "the gate log holds 6 entries in 7 commits")
def _(world):
    commit = parse_commit(raw(world, "gate-log"))
    tip = git(world.folder, "rev-parse", "gate-log")
    point(world, "gate-log", store(world, gate_commit(commit.tree, tip, world.clock, commit.message, world.gate)))


def rewrite_tip(world, change):
    """Replace the tip of the log by one whose entry was changed, signed with the stolen key of the gate."""
    with world.open() as repository:
        commit = repository.commit(repository.resolve("gate-log"))
        before = (commit.parents[0], repository.commit(commit.parents[0]).tree)
        entry, bundle = change(*read_entry(repository.read, commit.tree, last_index(repository.read, commit.tree)))
        objects = NewObjects()
        tip = append(objects, repository.read, before, entry=entry, bundle=bundle, gate=world.gate)
        repository.write(objects)
    point(world, "gate-log", tip)


def with_bundle(change):
    def changed(entry, bundle):
        bundle = change(bundle)
        return entry.model_copy(update={"bundle": bundle.digest}), bundle

    return changed


@each(
    [
        ("evidence stripped", lambda e, b: (e, b.without("evidence.json")), "is not the evidence that it names"),
        ("the chain of entries broken", lambda e, b: (e.model_copy(update={"previous": ZERO}), b), "chain is broken"),
        ("an entry backdated", lambda e, b: (e.model_copy(update={"time": START}), b), "older than the entry before"),
    ],
    "log-entry",
)
def _(world, change):
    rewrite_tip(world, change)


@each(
    [
        (
            "evidence stripped and the entry adapted",
            with_bundle(lambda b: b.without("evidence.json")),
            "the dossier is not complete",
        ),
        (
            "evidence made executable",
            with_bundle(lambda b: b.with_file("diff", File(b["diff"].content, executable=True))),
            "a file in it is executable",
        ),
        (
            "evidence altered",
            with_bundle(
                lambda b: b.with_file("evidence.json", File(b["evidence.json"].content.replace(b"1", b"2", 1)))
            ),
            "the evidence is of another base",
        ),
        (
            "a review smuggled in unsigned",
            with_bundle(lambda b: b.with_file("review-2.dsse.json", File(b"{}"))),
            "malformed",
        ),
    ],
    "successor",
)
def _(world, change):
    rewrite_tip(world, change)


def top_changed(world, change):
    """Replace the tip of the log by one with other files at the top of its tree."""
    commit = parse_commit(raw(world, "gate-log"))
    lines = git(world.folder, "ls-tree", "gate-log").splitlines()
    listing = {line.split("\t")[1]: line.split("\t")[0] for line in lines}
    for name, content in change.items():
        blob = store(world, content, "blob") if content is not None else None
        if blob:
            listing[name] = f"100644 blob {blob}"
        else:
            del listing[name]
    lines = "".join(f"{what}\t{name}\n" for name, what in listing.items())
    tree = git(world.folder, "mktree", stdin=lines.encode())
    seconds = int(commit.committer.split()[-2])
    point(world, "gate-log", store(world, gate_commit(tree, commit.parents[0], seconds, commit.message, world.gate)))


@each(
    [
        ("something smuggled into the log", {"extra": b"x"}, "changes more of the gate log"),
        ("the checkpoint removed", {"checkpoint": None}, "changes more of the gate log"),
        ("the frontier falsified", {"frontier": b"A" * 43 + b"=\n"}, "changes more of the gate log"),
        ("the trust root at the top swapped", {"root.json": b"{}"}, "changes more of the gate log"),
        ("a checkpoint that is none", {"checkpoint": b"seen\n"}, "this is not a checkpoint"),
    ],
    "log-entry",
)
def _(world, change):
    top_changed(world, change)


@attack("a checkpoint of other entries", "log-entry", "the checkpoint is not of the entries up to here")
def _(world):
    other = replace(world.checkpoint().checkpoint, root=bytes(32))
    top_changed(world, {"checkpoint": sign_checkpoint(other, world.gate).content})


@attack("a checkpoint signed by a reviewer", "log-entry", "the checkpoint is not signed by the log")
def _(world):
    note = sign_checkpoint(world.checkpoint().checkpoint, world.people["alice"])
    top_changed(world, {"checkpoint": note.content})


@attack("another trust root in the place of the first", "log-entry", "the trust root is not the one you gave")
def _(world):
    return World.create(world.folder.parent / "own").folder


@attack("one candidate decided twice", "successor", "the gate log decides on it twice")
def _(world):
    dossier = world.draft("a1", BASE)
    world.force(dossier, world.sign(dossier, "alice"))


@attack("a rejected candidate slipped in later", "successor", "the gate log decides on it twice")
def _(world):
    dossier = world.draft("b2", BASE)
    world.force(dossier, world.sign(dossier, "alice"))


@attack("a review used twice", "successor", "a review was used twice")
def _(world):
    first = world.draft("x9", BASE)
    nonce = first.request.nonce
    world.approve(first, "alice")
    import tests.lineage.world as worlds

    kept, worlds.new_nonce = worlds.new_nonce, lambda: nonce
    try:
        second = world.draft("y8", BASE)
    finally:
        worlds.new_nonce = kept
    world.force(second, world.sign(second, "alice"))


# Successor commits, recorded by a thief of the gate's key


def forced(world, name="x9", **options):
    dossier = world.draft(name, BASE)
    return world.force(dossier, world.sign(dossier, "alice"), **options)


def with_signature(payload, blob):
    head, _, message = payload.partition(b"\n\n")
    return head + b"\ngpgsig " + armor(blob).replace("\n", "\n ").encode() + b"\n\n" + message


def doubled(body):
    head, _, message = body.partition(b"\n\n")
    return head + b"\n" + head[head.index(b"gpgsig") :] + b"\n\n" + message


@each(
    [
        ("a successor without a signature", lambda w, b: parse_commit(b).payload, "the commit is not signed"),
        ("a successor with two signatures", lambda w, b: doubled(b), "the commit has 2 signatures"),
        (
            "a signature over other bytes",
            lambda w, b: b.replace(b"Successor x9", b"Successor x8"),
            "signature is wrong",
        ),
        (
            "a successor signed as a review",
            lambda w, b: with_signature(
                parse_commit(b).payload, w.gate.sign("successor-review-v1@successor", parse_commit(b).payload)
            ),
            "signed for another purpose",
        ),
        (
            "a backdated successor",
            lambda w, b: gate_commit(
                parse_commit(b).tree, parse_commit(b).parents[0], START, parse_commit(b).message, w.gate
            ),
            "another author or date",
        ),
        (
            "a successor on another parent",
            lambda w, b: gate_commit(parse_commit(b).tree, w.tip("main"), w.clock, parse_commit(b).message, w.gate),
            "does not descend from the base that was reviewed",
        ),
    ],
    "successor",
)
def _(world, change):
    forced(world, commit=lambda body: change(world, body))


@attack("a successor signed by its reviewer", "successor", "the commit is not signed by the gate")
def _(world):
    forced(world, signer=world.people["alice"])


@each(
    [
        ("a second evidence trailer", lambda m: m + f"Gate-Evidence: {ZERO}\n", "2 Gate-Evidence trailers"),
        ("no evidence trailer", lambda m: "\n".join(li for li in m.split("\n") if "Evidence" not in li), "0 Gate-Evid"),
        (
            "a trailer of other evidence",
            lambda m: m.replace("Evidence: sha256:", "Evidence: sha256:0"),
            "names other evi",
        ),
        ("a reviewer added in the trailers", lambda m: m + "Reviewed-by: bob\n", "trailers are not those"),
        (
            "another entry in the trailers",
            lambda m: m.replace("Gate-Entry: 6", "Gate-Entry: 1"),
            "trailers are not those",
        ),
        ("a text hidden before the trailers", lambda m: m.replace("\n\n", "\n\nhi\n\n", 1), "not of the gate's form"),
    ],
    "successor",
)
def _(world, change):
    forced(world, message=change)


@attack("other files than were approved", "successor", "the result does not hold the files")
def _(world):
    dossier = world.draft("x9", BASE)
    with world.open() as repository:
        other = repository.tree(world.tip(BASE)).with_file("scaffold/evil.py", File(b"import os\n"))
    world.force(dossier, world.sign(dossier, "alice"), tree=other, entry=lambda e: e.model_copy(update={"tree": ZERO}))


@attack("a base that nobody recorded", "successor", "its base is not a commit that the gate log recorded before")
def _(world):
    git(world.folder, "branch", "stray", evil(world))
    dossier = world.draft("x9", "stray")
    world.force(dossier, world.sign(dossier, "alice"))


# Reviews


@each(
    [
        ("nobody reviewed", lambda w, d: [], "nobody has signed a review"),
        ("a review by an unknown key", lambda w, d: w.sign(d, "alice", key=MachineKey.generate()), "an unknown key"),
        ("a review by the gate", lambda w, d: w.sign(d, "alice", key=w.gate), "an unknown key"),
        ("bob in the name of alice", lambda w, d: w.sign(d, "alice", key=w.people["bob"]), "in the name of alice"),
        (
            "a rejection as an approval",
            lambda w, d: w.sign(d, "alice", decision=Decision.REJECT),
            "alice did not approve",
        ),
        (
            "a review of another candidate",
            lambda w, d: w.sign(w.draft("y8", BASE), "alice"),
            "review of another candidate",
        ),
        (
            "a review on another base",
            lambda w, d: w.sign(w.draft("x9", "successor/c3"), "alice"),
            "the base commit is not the one",
        ),
        (
            "a commit signature as a review",
            lambda w, d: [signed_as(w, d, "git")],
            "signed for another purpose: the namespace is 'git'",
        ),
        (
            "an evaluation of a person as a review",
            lambda w, d: [signed_as(w, d, StatementKind.EVALUATION.namespace)],
            "signed for another purpose",
        ),
        (
            "a look at the last step that is called deep",
            lambda w, d: w.sign(d, "alice", since=w.tip(BASE)),
            "called deep is not of the whole way",
        ),
        (
            "a look since a generation that nobody recorded",
            lambda w, d: w.sign(d, "alice", since="0" * 40),
            "called deep is not of the whole way",
        ),
        ("the verdict as a review", lambda w, d: [d.files["verdict.dsse.json"]], "an unknown key"),
        ("an unsigned review", lambda w, d: [unsigned(w.sign(d, "alice")[0])], "the statement is not signed"),
        ("a signature changed by a byte", lambda w, d: [flipped(w.sign(d, "alice")[0])], "the signature is wrong"),
    ],
    "successor",
)
def _(world, reviews):
    dossier = world.draft("x9", BASE)
    world.force(dossier, reviews(world, dossier))


def signed_as(world, dossier, namespace):
    payload = review_payload(dossier.request, Decision.APPROVE, "", "alice")
    return seal(payload, world.people["alice"].sign(namespace, pae(payload)))


def unsigned(envelope):
    return canonical_json({**json.loads(envelope), "signatures": []})


def flipped(envelope):
    document = json.loads(envelope)
    content = bytearray(base64.b64decode(document["signatures"][0]["sig"]))
    content[-1] ^= 1
    document["signatures"][0]["sig"] = base64.b64encode(bytes(content)).decode()
    return canonical_json(document)


@each(
    [
        ("a review of another diff", {"diff": ZERO}, "the diff was altered after it was signed"),
        ("a review of another result", {"manifest": ZERO}, "the result tree is not the one"),
        ("a review of other evidence", {"evidence": ZERO}, "the evidence was altered after it was signed"),
        ("a review under another policy", {"policy": ZERO}, "the policy is not the one"),
        ("a review that answers another request", {"nonce": "0" * 64}, "it answers another request"),
        ("a review from another workspace", {"workspace": ZERO}, "it was given in another workspace"),
        ("a review with a longer life", {"expires": START + 999_999_999}, "its expiry is not the one"),
    ],
    "successor",
)
def _(world, changes):
    dossier = world.draft("x9", BASE)
    shown = dossier.request.model_copy(update=changes)
    world.force(dossier, [sign_review(shown, Decision.APPROVE, "", "alice", world.people["alice"])])


@attack("one person with two keys", "successor", "alice approved twice")
def _(world):
    dossier = world.draft("x9", BASE)
    world.force(dossier, world.sign(dossier, "alice", "alice's other key"), by=("alice", "alice"))


@attack("the proposer reviews", "successor", "who proposes a candidate never approves it")
def _(world):
    dossier = world.draft("x9", BASE, proposer="alice")
    world.force(dossier, world.sign(dossier, "alice"))


@attack("the law changed by one person", "successor", "needs 2 approvals: 1 given")
def _(world):
    def loosened(tree):
        law = tree["policies/bundle.yaml"].content.replace(b"most_lines: 20", b"most_lines: 99")
        return tree.with_file("policies/bundle.yaml", File(law))

    dossier = world.draft("x9", BASE, loosened)
    world.force(dossier, world.sign(dossier, "alice"))


def law(version, lines):
    def changed(tree):
        bundle = tree["policies/bundle.yaml"].content
        head, _, tail = bundle.partition(b"version: ")
        bundle = head + b"version: %d" % version + tail[tail.index(b"\n") :]
        return tree.with_file(
            "policies/bundle.yaml", File(bundle.replace(b"most_lines: 20", b"most_lines: %d" % lines))
        )

    return changed


@attack(
    "an older law put back", "successor", "version is not raised: it is version 1, and the law before it is version 2"
)
def _(world):
    world.approve(world.draft("x9", BASE, law(2, 10)), "alice", "bob")
    with world.open() as repository:
        old = repository.tree(world.tip(BASE))
    back = {path: file for path, file in old.items() if path.startswith("policies/")}
    dossier = world.draft("y8", "successor/x9", lambda tree: Tree({**tree, **back}))
    world.force(dossier, world.sign(dossier, "alice", "bob"), by=("alice", "bob"))


@attack("a law that is none", "successor", "policy file missing")
def _(world):
    def unlisted(tree):
        bundle = tree["policies/bundle.yaml"].content.replace(b"- size.yaml", b"- sizes.yaml")
        return tree.with_file("policies/bundle.yaml", File(bundle))

    dossier = world.draft("x9", BASE, unlisted)
    world.force(dossier, world.sign(dossier, "alice", "bob"), by=("alice", "bob"))


@attack("an expired review", "successor", "the request for review has expired")
def _(world):
    dossier = world.draft("x9", BASE, expires=world.clock + 30)
    world.force(dossier, world.sign(dossier, "alice"))


# Evidence, verdict and policy


@attack("a denied candidate committed", "successor", "the verdict does not allow it")
def _(world):
    dossier = world.draft("x9", BASE, longer)
    world.force(dossier, world.sign(dossier, "alice"))


def allowed(verdict):
    results = tuple(
        result.model_copy(update={"holds": True, "outcome": "holds", "reason": "", "mend": ""})
        for result in verdict.results
    )
    return verdict.model_copy(update={"allowed": True, "results": results})


@attack("a verdict written by hand", "successor", "not what the base's policy says about the stored facts")
def _(world):
    dossier = world.draft("x9", BASE, longer, verdict=allowed)
    world.force(dossier, world.sign(dossier, "alice"))


@attack("facts of a smaller patch", "successor", "the facts are of another base, result or diff")
def _(world):
    large, small = world.draft("x9", BASE, longer), world.draft("y8", BASE)
    files = {**large.files, "facts.json": small.files["facts.json"]}
    world.force(Dossier(files), world.sign(large, "alice"))


def weaker(tree):
    bundle = tree["policies/bundle.yaml"].content.replace(b"most_lines: 20", b"most_lines: 99")
    bundle = bundle.replace(b"version: 1", b"version: 2")
    return longer(tree).with_file("policies/bundle.yaml", File(bundle))


@attack("judged by its own weaker policy", "successor", "is not the diff of base and result")
def _(world):
    with world.open() as repository:
        own = weaker(repository.tree(world.tip(BASE)))
    dossier = world.draft("x9", BASE, weaker, case=lambda case: replace(case, base=own))
    world.force(dossier, world.sign(dossier, "alice"), tree=own)


@each(
    [
        (
            "an evaluation signed by the gate",
            {"evaluator": "gate"},
            "the evaluation is signed with a key of another role",
        ),
        (
            "a verdict signed by the evaluator",
            {"gate": "evaluator"},
            "the verdict is signed with a key of another role",
        ),
    ],
    "successor",
)
def _(world, roles):
    dossier = world.draft("x9", BASE, **{role: getattr(world, key) for role, key in roles.items()})
    world.force(dossier, world.sign(dossier, "alice"))


@attack("the evaluation as the verdict", "successor", "signed for another purpose")
def _(world):
    dossier = world.draft("x9", BASE)
    swapped = Dossier({**dossier.files, "verdict.dsse.json": dossier.files["evaluation.dsse.json"]})
    world.force(swapped, world.sign(dossier, "alice"))


@attack("an approval filed as a rejection", "rejected", "an approval cannot stand among the rejections")
def _(world):
    dossier = world.draft("x9", BASE)
    world.force(
        dossier, world.sign(dossier, "alice"), entry=lambda e: e.model_copy(update={"kind": "rejected", "commit": None})
    )


@attack("a denial of what the policy allows", "denied", "recorded as denied by a policy that allows it")
def _(world):
    dossier = world.draft("x9", BASE)
    world.force(dossier, [], entry=lambda e: e.model_copy(update={"kind": "denied", "commit": None}))


# Revocations


def revoked(world, envelope, **fields):
    bundle = Tree({"revocation.dsse.json": File(envelope)})
    with world.open() as repository:
        manifest = repository.tree(world.tip("successor/c3")).digest
    about = {"candidate": "c3", "tree": manifest, "by": ("alice",), "reason": "it is slow", **fields}
    world.force_entry("revoked", bundle, **about)


@each(
    [
        ("a revocation that the gate signed", lambda w: resigned(w, w.gate), "no person in the trust root has"),
        (
            "a revocation in another's name",
            lambda w: w.revocation("c3", by="alice", reason="it is slow"),
            "says other than",
        ),
        ("a revocation of another workspace", lambda w: w.revocation("c3", workspace=ZERO), "in another workspace"),
    ],
    "revoked",
)
def _(world, envelope):
    revoked(world, envelope(world), by=("bob",))


def resigned(world, key):
    from agent.gate.revocation import Revocation, sign_revocation
    from agent.gate.statement import Subject

    with world.open() as repository:
        tree = repository.tree(world.tip("successor/c3"))
    said = Revocation(
        workspace=world.root.fingerprint,
        candidate="c3",
        commit=world.tip("successor/c3"),
        reason="it is slow",
        by="alice",
    )
    return sign_revocation(said, Subject(tree.git_id, tree.digest), key)


@attack("a successor of what was revoked", "successor", "its base was revoked before")
def _(world):
    world.revoke("c3")
    dossier = world.draft("x9", BASE)
    world.force(dossier, world.sign(dossier, "alice"))


@attack("a revocation of what is no successor", "revoked", "it revokes what the gate log did not record")
def _(world):
    envelope = world.revocation("c3", candidate="b2", commit=world.tip("successor/c3"))
    revoked(world, envelope, candidate="b2")


# The trust root


def root_changed(world, root, *people, key=None, by=None):
    signed = [sign_change(root, world.root.fingerprint, name, key or world.people[name]) for name in people]
    world.force_entry("trust", change_files(root, signed), by=by or people)


def promoted(world):
    """A root in which the thief is the only reviewer."""
    thief = MachineKey.generate()
    return world.next_root(
        persons=[{"name": "mallory", "keys": [{"key": thief.key.line, "demo": False, "pin": False}]}]
    )


@attack("a new trust root that nobody signed", "trust", "needs 1 signatures")
def _(world):
    root_changed(world, promoted(world))


@attack("a new trust root signed by the gate", "trust", "signed with an unknown key")
def _(world):
    root_changed(world, promoted(world), "alice", key=world.gate)


@attack("a trust root of a version left out", "trust", "does not follow the one in force")
def _(world):
    root_changed(world, world.next_root(version=3), "alice")


@attack("an older trust root put back", "trust", "does not follow the one in force")
def _(world):
    alice = [person.model_dump(mode="json") for person in world.root.persons if person.name == "alice"]
    world.change_root(world.next_root(persons=alice), "alice")
    old = world.next_root(previous=world.root.fingerprint, version=2)
    root_changed(world, old, "alice")


@attack("a review by a person who was removed", "successor", "signed with an unknown key")
def _(world):
    alice = [person.model_dump(mode="json") for person in world.root.persons if person.name == "alice"]
    world.change_root(world.next_root(persons=alice), "alice")
    dossier = world.draft("x9", BASE)
    world.force(dossier, world.sign(dossier, "bob"), by=("bob",))


@attack("a gate's key used after it was replaced", "log-entry", "the commit is not signed by the gate")
def _(world):
    new = MachineKey.generate()
    world.change_root(world.next_root(gate=[new.key.line]), "alice")
    dossier = world.draft("x9", BASE)
    world.force(dossier, world.sign(dossier, "alice"))


@attack("a witnessed checkpoint that the log never had", "witnessed", "is not the one that was seen")
def _(world):
    point_ = Checkpoint(world.checkpoint().checkpoint.origin, 3, bytes(32))
    note = cosign(sign_checkpoint(point_, world.gate), "w.example/1", START, WITNESS)
    world.force_entry("witnessed", Tree({"checkpoint": File(note.content)}))


# Witnesses that the root names


def named(name="w.example/1", key=WITNESS):
    return Verifier(name, key.key, COSIGNER_KEY)


@attack("a log that no witness of the root has seen", "not-witnessed", "and the last 2 were not seen")
def _(world):
    world.demand_witnesses(named(), most_behind=1)
    world.approve(world.draft("x9", BASE), "alice")
    world.approve(world.draft("y8", "successor/x9"), "alice")


@attack("an old cosigned checkpoint for a log that went on", "not-witnessed", "all but the last 2 entries")
def _(world):
    world.demand_witnesses(named(), most_behind=2)
    seen = cosign(world.checkpoint(), "w.example/1", START, WITNESS)
    for name in ("x9", "y8"):
        world.approve(world.draft(name, BASE), "alice")
    world.witness(seen)


@attack("one witness where the root needs two", "not-witnessed", "2 of its 2 witnesses")
def _(world):
    world.demand_witnesses(named(), named("w.example/2", MachineKey.generate()), needed=2, most_behind=1)
    world.approve(world.draft("x9", BASE), "alice")
    world.witness(cosign(world.checkpoint(), "w.example/1", START, WITNESS))


@attack("a cosignature in the name of the root's witness", "forged-cosignature", "the signature is wrong")
def _(world):
    world.demand_witnesses(named(), most_behind=1)
    note = cosign(world.checkpoint(), "w.example/1", START, WITNESS)
    mark = replace(note.marks[1], value=note.marks[1].value[:-1] + bytes([note.marks[1].value[-1] ^ 1]))
    world.witness(replace(note, marks=(note.marks[0], mark)))


@attack("a witness of the thief's own", "not-witnessed", "1 of its 1 witnesses")
def _(world):
    world.demand_witnesses(named(), most_behind=1)
    thief = MachineKey.generate()
    world.approve(world.draft("x9", BASE), "alice")
    world.witness(cosign(world.checkpoint(), "w.example/1", START, thief))


@attack("a witness that the root does not name any more", "not-witnessed", "1 of its 1 witnesses")
def _(world):
    world.demand_witnesses(named(), most_behind=1)
    world.demand_witnesses(named("w.example/2", MachineKey.generate()), most_behind=1)
    world.approve(world.draft("x9", BASE), "alice")
    world.witness(cosign(world.checkpoint(), "w.example/1", START, WITNESS))


@attack("witnesses let go by the gate alone", "trust", "signed with an unknown key")
def _(world):
    world.demand_witnesses(named(), most_behind=1)
    root_changed(world, world.next_root(witnesses={}), "alice", key=world.gate)


@attack("a log rewritten behind what the root's witness saw", "witnessed", "is not the one that was seen")
def _(world):
    world.demand_witnesses(named(), most_behind=1)
    seen = cosign(world.checkpoint(), "w.example/1", START, WITNESS)
    rewrite_tip(world, lambda entry, bundle: (entry.model_copy(update={"time": entry.time + 1}), bundle))
    world.force_entry("witnessed", Tree({"checkpoint": File(seen.content)}))


# Waivers


def resting(world, *people, envelopes=None, name="x9", approved="bob", change=longer, proposer="codemod", **changes):
    """A long candidate, let through by a waiver that is recorded without a check."""
    about = {"change": change, "proposer": proposer}
    first = world.draft(name, BASE, **about)
    signed = envelopes(first) if envelopes else [world.waiver(first, one, **changes) for one in people]
    entry = world.force_waiver(signed, *(one.partition("'")[0] for one in people))
    dossier = world.draft(name, BASE, waived={"size": entry}, **about)
    world.force(dossier, world.sign(dossier, *approved.split()), by=tuple(approved.split()))
    return entry


def waived_as_review(world, dossier):
    payload = parse_envelope(world.waiver(dossier)).payload
    return seal(payload, world.people["alice"].sign(StatementKind.REVIEW.namespace, pae(payload)))


OF_A_RULE = {"candidate": None, "diff": None}


@each(
    [
        ("a waiver that nobody signed", {"envelopes": lambda d: []}, "nobody signed it"),
        ("a waiver of another workspace", {"workspace": ZERO}, "signed in another workspace"),
        ("a waiver of another candidate", {"candidate": "y8"}, "is of another candidate"),
        ("a waiver of another diff", {"diff": ZERO}, "is of another candidate"),
        ("a waiver of the same diff on another base", {"subject": None}, "is of another candidate"),
        ("a waiver under another policy", {"policy": ZERO}, "is about another policy"),
        ("a waiver of another rule", {"rules": ("modes",)}, "the rule modes cannot be waived"),
        ("a waiver that has expired", {"expires": START}, "has expired"),
        ("a waiver whose entries are over", {"last_entry": 6}, "has expired"),
        ("a rule waived by one person", {**OF_A_RULE, "decisions": 2}, "the waiver needs 2 signatures: 1 given"),
        ("a waiver of who proposed the candidate", {"proposer": "alice"}, "who proposes a candidate waives no rule"),
    ],
    "successor",
)
def _(world, changes):
    if "subject" in changes:
        other = world.draft("x9", "successor/c3", longer).request
        changes = {"subject": Subject(other.tree, other.manifest)}
    resting(world, "alice", **changes)


@each(
    [
        ("a waiver by the gate", lambda w, d: w.waiver(d, key=w.gate), "signed with an unknown key"),
        ("a waiver in another's name", lambda w, d: w.waiver(d, key=w.people["bob"]), "in the name of alice"),
        ("a review as a waiver", lambda w, d: w.sign(d, "alice")[0], "not a waiver statement"),
        ("a waiver changed by a byte", lambda w, d: flipped(w.waiver(d)), "the signature is wrong"),
        ("a waiver signed as a review", waived_as_review, "signed for another purpose"),
    ],
    "successor",
)
def _(world, envelope):
    resting(world, "alice", envelopes=lambda dossier: [envelope(world, dossier)])


@attack("a waiver signed by one person with two keys", "waived", "alice signed the waiver twice")
def _(world):
    resting(world, "alice", "alice's other key", **OF_A_RULE)


@attack("a waiver that never ends", "waived", "the waiver lasts too long")
def _(world):
    resting(world, "alice", expires=START + 9_999_999_999)


@attack("a rule that cannot be waived", "successor", "the rule modes cannot be waived")
def _(world):
    def executable(tree):
        return tree.with_file("scaffold/search.py", replace(tree["scaffold/search.py"], executable=True))

    entry = world.force_waiver([world.waiver(world.draft("x9", BASE, executable), rules=("modes",))], "alice")
    dossier = world.draft("x9", BASE, executable, waived={"modes": entry})
    world.force(dossier, world.sign(dossier, "bob"), by=("bob",))


@attack("a waiver of a person who was removed", "successor", "the waiver is signed with an unknown key")
def _(world):
    entry = world.waive(world.draft("x9", BASE, longer), "bob")
    alice = [person.model_dump(mode="json") for person in world.root.persons if person.name == "alice"]
    world.change_root(world.next_root(persons=alice), "alice")
    dossier = world.draft("x9", BASE, longer, waived={"size": entry})
    world.force(dossier, world.sign(dossier, "alice"))


@attack("a kept path let through by one person's waiver", "successor", "the waiver needs 2 signatures: 1 given")
def _(world):
    resting(world, "alice", change=weaker, approved="alice bob")


@attack("a waiver used once too often", "successor", "was used up: 1 successor(s) may rest on it")
def _(world):
    entry = world.waive(world.draft("x9", BASE, longer), "alice", "bob", **OF_A_RULE)
    for name in ("x9", "y8"):
        dossier = world.draft(name, BASE, longer, waived={"size": entry})
        world.force(dossier, world.sign(dossier, "bob"), by=("bob",))


@attack("one waiver recorded twice", "waived", "a waiver was recorded twice")
def _(world):
    signed = [world.waiver(world.draft("x9", BASE, longer))]
    world.force_waiver(signed, "alice")
    world.force_waiver(signed, "alice")


@attack("a waiver recorded for another reason", "waived", "says other than the waiver that was signed")
def _(world):
    world.force_waiver([world.waiver(world.draft("x9", BASE, longer))], "alice", reason="a better one")


@attack("a waiver that is no waiver", "successor", "of the gate log is no waiver")
def _(world):
    dossier = world.draft("x9", BASE, longer, waived={"size": 1})
    world.force(dossier, world.sign(dossier, "alice"))


@attack("a waiver of other files than the log holds", "successor", "names another waiver than the gate log")
def _(world):
    def named(verdict):
        one = Waived(rule="size", entry=6, waiver=ZERO)
        return Verdict.model_validate({**dict(verdict), "allowed": True, "waived": (one,)})

    world.waive(world.draft("x9", BASE, longer), "alice")
    dossier = world.draft("x9", BASE, longer, verdict=named)
    world.force(dossier, world.sign(dossier, "bob"), by=("bob",))


@attack("a waiver recorded after the decision", "successor", "was not recorded before the decision")
def _(world):
    waiver = world.waiver(world.draft("x9", BASE, longer))
    bundle = Tree({name: File(content) for name, content in waiver_files([waiver]).items()})

    def named(verdict):
        one = Waived(rule="size", entry=7, waiver=bundle.digest)
        return Verdict.model_validate({**dict(verdict), "allowed": True, "waived": (one,)})

    dossier = world.draft("x9", BASE, longer, verdict=named)
    world.force(dossier, world.sign(dossier, "bob"), by=("bob",))
    world.force_waiver([waiver], "alice")


@attack("a denied candidate slipped in later", "successor", "the gate log decides on it twice")
def _(world):
    dossier = world.draft("d4", BASE)
    world.force(dossier, world.sign(dossier, "alice"))


@attack("a denied candidate slipped in on a waiver from before", "successor", "the gate log decides on it twice")
def _(world):
    entry = world.waive(world.draft("x9", BASE, longer), "alice", "bob", **OF_A_RULE)
    world.reject(world.draft("y8", BASE, longer), kind="denied", by="policy")
    dossier = world.draft("y8", BASE, longer, waived={"size": entry})
    world.force(dossier, world.sign(dossier, "bob"), by=("bob",))


# A hardware key that nobody touched


@attack("a hardware key that nobody touched", "successor", "the hardware key was not touched")
def _(world):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from tests.gate.test_signature import hardware_signature

    private = Ed25519PrivateKey.generate()
    blob = hardware_signature(0x01, private=private)
    key = Signature.parse(blob).key
    carol = {"name": "carol", "keys": [{"key": key.line, "demo": False, "pin": False}]}
    persons = [person.model_dump(mode="json") for person in world.root.persons]
    world.change_root(world.next_root(persons=[*persons, carol]), "alice")
    dossier = world.draft("x9", BASE)
    payload = review_payload(dossier.request, Decision.APPROVE, "", "carol")
    blob = hardware_signature(0x00, private=private, namespace=StatementKind.REVIEW.namespace, message=pae(payload))
    world.force(dossier, [seal(payload, blob)], by=("carol",))


# The attack table of the design: what it promises to stop, and which entries above show it.
TABLE: dict[str, tuple[str, ...]] = {
    "strip or swap evidence": ("evidence stripped", "evidence stripped and the entry adapted", "evidence altered"),
    "an approval reused for another base, branch or tree": (
        "a review of another candidate", "a review on another base", "a review of another result", "a review used twice",
    ),
    "policy rollback": ("an older law put back", "an older trust root put back", "a review under another policy"),
    "a candidate weakens its own judge": ("judged by its own weaker policy", "the law changed by one person"),
    "one key or person counted twice": ("one person with two keys",),
    "a commit signature replayed as a review": ("a commit signature as a review", "a successor signed as a review"),
    "an agent uses a person's key untouched": ("a hardware key that nobody touched",),
    "log fork, rewind, truncation": (
        "the log rewound below its successors", "the end of the log cut off with its branches",
        "the log written anew with the gate's key", "entries that a witness has seen withheld",
    ),
    "a log that those whom the root names have not seen": (
        "a log that no witness of the root has seen", "an old cosigned checkpoint for a log that went on",
        "one witness where the root needs two", "a cosignature in the name of the root's witness",
        "witnesses let go by the gate alone", "a log rewritten behind what the root's witness saw",
    ),
    "the gate's key stolen": ("nobody reviewed", "a review by the gate", "a new trust root signed by the gate"),
    "replace refs, grafts, borrowed objects": (
        "a replace ref shows another commit", "grafts give a commit other parents", "objects are borrowed from elsewhere",
    ),
    "facts that are not whole": ("facts of a smaller patch", "a verdict written by hand"),
    "a key that is out of date": (
        "a gate's key used after it was replaced", "a review by a person who was removed", "an expired review",
    ),
    "a rule waived that was not, or not any more": (
        "a waiver that nobody signed", "a waiver by the gate", "a waiver that has expired", "a waiver of another candidate",
        "a rule that cannot be waived", "a waiver of who proposed the candidate", "a waiver of a person who was removed",
        "a rule waived by one person", "a waiver used once too often", "one waiver recorded twice",
    ),
    "backdating": ("a backdated successor", "an entry backdated"),
}  # fmt: skip
