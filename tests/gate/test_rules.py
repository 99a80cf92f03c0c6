"""Reading the law: whatever is missing, doubled, hidden or broken makes it no law at all."""

from pathlib import Path

import pytest

from agent.errors import PolicyDenied
from agent.gate.examples import check_bundle
from agent.gate.rules import bundle_digest, load_bundle

SHIPPED = {path.name: path.read_bytes() for path in (Path(__file__).parents[2] / "policies").iterdir()}

BUNDLE = """\
schema: successor.policy/v1
facts: successor.facts/v5
version: 3
parameters:
  max_changed_lines: 400
rules:
  - size.yaml
"""
RULE = """\
rules:
  - id: size-cap
    title: The patch is small
    why: People do not read long patches.
    rule: >-
      f.derived.lines_changed <= p.max_changed_lines
    deny: '"it changes " + say.f.derived.lines_changed + " lines"'
    mend: Split the patch into smaller ones.
    examples:
      - {set: {patch.files.0.added: 1000}, expect: deny}
      - {set: {patch.files.0.added: 1}, expect: allow}
"""
FILES = {"bundle.yaml": BUNDLE.encode(), "good.yaml": SHIPPED["good.yaml"], "size.yaml": RULE.encode()}


def with_bundle(old, new):
    assert old in BUNDLE
    return {**FILES, "bundle.yaml": BUNDLE.replace(old, new).encode()}


def with_rule(old, new):
    assert old in RULE
    return {**FILES, "size.yaml": RULE.replace(old, new).encode()}


def refusal(files):
    with pytest.raises(PolicyDenied) as caught:
        load_bundle(files)
    return str(caught.value)


def test_a_whole_bundle_is_read():
    bundle = load_bundle(FILES)

    assert bundle.version == 3
    assert bundle.parameters == {"max_changed_lines": 400}
    assert [rule.id for rule in bundle.rules] == ["size-cap"]
    assert bundle.digest == bundle_digest(FILES)
    assert check_bundle(bundle) == ()


def test_the_digest_is_over_every_byte_and_name_of_every_file():
    digest = load_bundle(FILES).digest

    for name, content in FILES.items():
        assert load_bundle({**FILES, name: content + b"# x\n"}).digest != digest
    renamed = {**with_bundle("size.yaml", "sizes.yaml"), "sizes.yaml": FILES["size.yaml"]}
    del renamed["size.yaml"]
    assert load_bundle(renamed).digest != digest
    assert load_bundle(dict(reversed(FILES.items()))).digest == digest


@pytest.mark.parametrize("files", [{}, {"size.yaml": FILES["size.yaml"]}, {"README.md": b"x"}])
def test_a_missing_policy_has_its_own_message(files):
    assert refusal(files).startswith("policy file missing: ")


@pytest.mark.parametrize("name", ["good.yaml", "size.yaml"])
def test_a_listed_file_that_is_not_there_is_missing(name):
    said = refusal({other: content for other, content in FILES.items() if other != name})

    assert said.startswith(f"policy file missing: policies/{name}")


@pytest.mark.parametrize(
    "name",
    ["other.yaml", "README.md", "sub/size.yaml", "Size.yaml", "size.yaml.bak", "s\u0456ze.yaml", ".size.yaml.swp"],
)
def test_a_file_that_is_not_listed_is_refused(name):
    assert "is not listed" in refusal({**FILES, name: FILES["size.yaml"]})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 3", "version: 0", "version"),
        ("version: 3", "version: -1", "version"),
        ("version: 3", 'version: "3"', "version"),
        ("version: 3", "version: 3.0", "version"),
        ("version: 3", "version: true", "version"),
        ("version: 3", "version: 0x3", "version"),
        ("version: 3", "version: 1:30", "version"),
        ("version: 3\n", "", "version"),
        ("version: 3", "version: 3\nversion: 4", "stands twice"),
        ("version: 3", "version: 3\nunknown: 4", "unknown"),
        ("successor.policy/v1", "successor.policy/v2", "schema"),
        ("successor.facts/v5", "successor.facts/v3", "facts"),
        ("rules:\n  - size.yaml\n", "rules: []\n", "rules"),
        ("rules:\n  - size.yaml\n", "rules:\n", "rules"),
        ("- size.yaml", "- size.yaml\n  - size.yaml", "twice"),
        ("- size.yaml", "- bundle.yaml\n  - size.yaml", "holds no rules"),
        ("- size.yaml", "- good.yaml\n  - size.yaml", "holds no rules"),
        ("- size.yaml", "- ../size.yaml", "rules"),
        ("- size.yaml", "- Size.yaml", "rules"),
        ("max_changed_lines: 400", "max_changed_lines: 400.5", ""),
        ("max_changed_lines: 400", "max_changed_lines: yes", ""),
        ("max_changed_lines: 400", "max_changed_lines: null", ""),
        ("max_changed_lines: 400", "max_changed_lines: {a: 1}", "max_changed_lines"),
        ("max_changed_lines: 400", "max_changed_lines: [1]", "max_changed_lines"),
        ("max_changed_lines: 400", "max_changed_lines: 400\n  max_changed_lines: 9", "stands twice"),
        ("max_changed_lines: 400", "max_line: 400", "p.max_changed_lines"),
        ("parameters:\n  max_changed_lines: 400", "parameters: {}", "p.max_changed_lines"),
    ],
)
def test_a_broken_bundle_file_is_refused(old, new, said):
    files = with_bundle(old, new)
    if said:
        assert said in refusal(files)
    else:  # read as text, of which the rule can make nothing: it denies when it is asked
        assert check_bundle(load_bundle(files))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: size-cap", "id: Size", "id"),
        ("id: size-cap", "id: size_cap", "id"),
        ("  - id: size-cap\n    title", "  - title", "id"),
        ("    why: People do not read long patches.\n", "", "why"),
        ("    mend: Split the patch into smaller ones.\n", "", "mend"),
        ("    why: People do not read long patches.\n", "    why: x\n", "why"),
        ("    deny:", "    deny: x\n    denial:", "denial"),
        ("    rule:", "    enabled: false\n    rule:", "enabled"),
        ("    rule:", "    rule: 'true'\n    rule:", "stands twice"),
        ("rules:\n", "rules: []\nothers:\n", "rules"),
        ("expect: deny", "expect: maybe", "expect"),
        ("expect: deny", "expect: allow", "no example that it denies"),
        ("{set: {patch.files.0.added: 1000}, expect: deny}", "{sets: {}, expect: deny}", "sets"),
        ("{set: {patch.files.0.added: 1000}, expect: deny}", "{parameters: {a: {}}, expect: deny}", "parameters"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f.derived.lines_changd <= 4", "f.derived.lines_changd"),
        ("f.derived.lines_changed <= p.max_changed_lines", "true || f.derived.lines_changd", "f.derived.lines_changd"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f.patch.lines <= 4", "f.patch.lines"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f.derived.lines_changed <= p.max", "p.max"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f.derived.lines_changed <= q", "asks for q"),
        ("f.derived.lines_changed <= p.max_changed_lines", "say.f.derived.lines_changed == ''", "asks for say"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f[\"derived\"].lines_changed <= 4", "asks for f"),
        ("f.derived.lines_changed <= p.max_changed_lines", "has(f.derived.network)", "uses has()"),
        ("f.derived.lines_changed <= p.max_changed_lines", "!has (f.derived.network)", "uses has()"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f.derived.network.all(f, f != 'x')", "asks for f"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f.derived.lines_changed <=", "does not compile"),
        ("f.derived.lines_changed <= p.max_changed_lines", "f.derived.lines_changed.nope()", "does not compile"),
        ("f.derived.lines_changed <= p.max_changed_lines", "now() > timestamp('2030-01-01T00:00:00Z')", "compile"),
        ("f.derived.lines_changed <= p.max_changed_lines", '"x" < 3', "does not compile"),
        ("f.derived.lines_changed <= p.max_changed_lines", "(" * 500 + "true" + ")" * 500, "does not compile"),
        ("f.derived.lines_changed <= p.max_changed_lines", "true" + " && true" * 500, "too long"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_refused(old, new, said):
    assert said in refusal(with_rule(old, new))


def test_a_rule_without_examples_is_refused():
    start = RULE.index("    examples:")

    assert "examples" in refusal({**FILES, "size.yaml": RULE[:start].encode()})
    assert "examples" in refusal({**FILES, "size.yaml": (RULE[:start] + "    examples: []\n").encode()})


def test_two_rules_of_one_name_are_refused_within_a_file_and_across_files():
    twice = RULE + RULE.removeprefix("rules:\n")
    assert "size-cap stands twice" in refusal({**FILES, "size.yaml": twice.encode()})

    across = {**with_bundle("- size.yaml", "- size.yaml\n  - more.yaml"), "more.yaml": FILES["size.yaml"]}
    assert "size-cap stands twice" in refusal(across)


YAML_TRICKS = {
    "an alias": "a: &x [1]\nb: *x\n",
    "an anchor": "a: &x 1\n",
    "a bomb of aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "an alias of itself": "a: &a [*a]\n",
    "a merge key": "a: {x: 1}\n<<: {y: 2}\n",
    "a tag": "a: !!str 1\n",
    "a tag that constructs": "a: !!python/object/apply:os.system ['true']\n",
    "a local tag": "a: !x 1\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "a doubled key": "a: 1\na: 2\n",
    "a doubled key in a flow map": "a: {b: 1, b: 2}\n",
    "a key that is doubled in quotes": "a: 1\n'a': 2\n",
    "a key that is no text": "1: x\n",
    "a key that is a map": "? {a: 1}\n: x\n",
    "a key that is a list": "? [a]\n: x\n",
    "a deep nesting": "a: " + "[" * 5000 + "]" * 5000 + "\n",
    "a deeper nesting of maps": "{a: " * 5000,
    "a tab": "a:\n\t- b\n",
    "an unclosed quote": "a: 'x\n",
    "a hidden character": "a: 'x\u202e'\n",
    "a hidden space": "a:\u00a01\n",
    "a control character": "a: \x07\n",
    "a directive": "%TAG ! tag:x,2000:\n---\na: !y 1\n",
    "nothing": "",
    "a comment": "# nothing\n",
    "text": "hello\n",
    "a list": "- a\n",
}


@pytest.mark.parametrize("name", YAML_TRICKS)
@pytest.mark.parametrize("file", sorted(FILES))
def test_tricks_of_yaml_are_refused_in_every_file(name, file):
    refusal({**FILES, file: YAML_TRICKS[name].encode()})


@pytest.mark.parametrize("file", sorted(FILES))
@pytest.mark.parametrize("content", [b"\xff\xfea: 1", "a: é".encode("latin-1"), b"a: \0", b"a: " + b"x" * 70_000])
def test_bytes_that_are_not_small_utf_8_text_are_refused(file, content):
    refusal({**FILES, file: content})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 3", "version: !!int 3", "tags"),
        ("version: 3", "version: !!int '3'", "tags"),
        ("version: 3", "version: &x 3", "anchors"),
        ("max_changed_lines: 400", "max_changed_lines: 400\n  more: &x a\n  other: *x", "anchors"),
    ],
)
def test_what_would_mean_the_same_is_refused_too(old, new, said):
    assert said in refusal(with_bundle(old, new))


def test_nesting_has_an_end_that_does_not_depend_on_the_stack():
    nested = "[" * 30 + "]" * 30

    assert "nested too deep" in refusal(with_rule("{patch.files.0.added: 1000}", f"{{patch.hidden: {nested}}}"))


def test_yes_no_on_and_off_are_words():
    files = with_rule("title: The patch is small", "title: yes no on off")

    assert load_bundle(files).rules[0].text.title == "yes no on off"


# What the examples show ---------------------------------------------------------------------------------------------


def findings(files):
    return [finding.what for finding in check_bundle(load_bundle(files))]


def test_a_rule_that_is_always_true_is_found_out_by_its_own_example():
    found = findings(with_rule("f.derived.lines_changed <= p.max_changed_lines", "'true' == 'true'"))

    assert any("example 1 should be: deny" in what for what in found)
    assert any("no example is denied by this rule alone" in what for what in found)
    assert any("no rule uses the parameter" in what for what in found)


def test_a_rule_that_denies_the_good_document_is_found_out():
    found = findings(
        with_rule("f.derived.lines_changed <= p.max_changed_lines", "f.derived.lines_changed > p.max_changed_lines")
    )

    assert any("it denies the good document" in what for what in found)
    assert any("example 2 should be: allow" in what for what in found)


@pytest.mark.parametrize("source", ["f.derived.lines_changed", "f.derived.lines_changed / 0 == p.max_changed_lines"])
def test_a_rule_that_gives_no_yes_or_no_is_found_out(source):
    found = findings(with_rule("f.derived.lines_changed <= p.max_changed_lines", source))

    assert any("undecided" in what for what in found)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{patch.files.0.added: 1000}", "{patch.files.0.addd: 1000}", "no such place"),
        ("{patch.files.0.added: 1000}", "{patch.files.9.added: 1000}", "no such place"),
        ("{patch.files.0.added: 1000}", "{patch.files.x: 1000}", "no such place"),
        ("{patch.files.0.added: 1000}", "{derived.lines_changed: 1000}", "no such place"),
        ("{patch.files.0.added: 1000}", "{schema: x}", "no such place"),
        ("{patch.files.0.added: 1000}", "{patch.files.0.added: many}", "no facts document"),
        ("set: {patch.files.0.added: 1000}", "remove: [patch.files]", "no facts document"),
        ("set: {patch.files.0.added: 1000}", "remove: [patch.nothing]", "no such place"),
        ("set: {patch.files.0.added: 1000}", "parameters: {nothing: 3}", "no such parameter"),
    ],
)
def test_an_example_that_does_not_fit_is_found_out(old, new, said):
    assert any(said in what for what in findings(with_rule(old, new)))


def test_an_example_denied_only_because_it_is_malformed_proves_nothing():
    found = findings(with_rule("set: {patch.files.0.added: 1000}", "remove: [evidence.sandbox]"))

    assert any("no example is denied by this rule alone" in what for what in found)


def test_a_sentence_that_cannot_be_built_is_found_out():
    found = findings(with_rule('" + say.f.derived.lines_changed + "', '" + f.derived.lines_changed + "'))

    assert any("its sentence cannot be built" in what for what in found)
