#!/bin/bash
# The oracle's answer.
set -eu
cd /app
python3 -I - <<'EOF'
from pathlib import Path


def replace(path, old, new):
    text = Path(path).read_text()
    assert text.count(old) == 1, (path, old)
    Path(path).write_text(text.replace(old, new))


replace(
    "rules.py",
    r'''    return re.sub(r"\$\((\w+)\)", lambda match: variables.get(match[1], ""), text)
''',
    r'''    return _expanded(text, variables, ())


def _expanded(text, variables, above):
    def value(match):
        name = match[1]
        if name is None:
            return match[0]
        if name in above:
            raise RuleError(f"the variable {name} needs itself")
        return _expanded(variables.get(name, ""), variables, (*above, name))

    return re.sub(r"\$\$|\$\((\w+)\)", value, text)


def _lines(text):
    """Yield (number, line) with lines that go on joined, each under the number of its first."""
    whole, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        yield first, whole + line
        whole, first = "", number + 1
    if whole:
        yield first, whole
''',
)
replace(
    "rules.py",
    r'''    rules, phony, variables, current = {}, set(), {}, None
    for number, line in enumerate(text.replace("\\\n", " ").split("\n"), 1):
        line = line.partition("#")[0].rstrip()
        if not line:
            continue
        if line[0] in " \t":
            if current is None:
                raise RuleError(f"line {number}: a command without a target")
            current.commands.append(line.strip())
        elif "=" in line:
            name, _, value = line.partition("=")
            variables[name.strip()] = value.strip()
        elif ":" in line:
            target, _, needs = expand(line, variables).partition(":")
            current = Rule(target.strip(), needs.split())
            rules[current.target] = current
        else:
            raise RuleError(f"line {number}: this is no rule")
    if ".PHONY" in rules:
        phony = set(rules.pop(".PHONY").needs)
    return rules, phony, variables
''',
    r'''    blocks, variables = [], {}
    for number, line in _lines(text):
        if line[:1] in (" ", "\t") and line.strip():
            if not blocks:
                raise RuleError(f"line {number}: a command without a target")
            blocks[-1][2].append(line.strip())
            continue
        line = line.partition("#")[0].strip()
        if re.match(r"\w+\s*=", line):
            name, _, value = line.partition("=")
            variables[name.strip()] = value.strip()
        elif ":" in line:
            blocks.append((number, line, []))
        elif line:
            raise RuleError(f"line {number}: this is no rule")
    rules = {}
    for number, line, commands in blocks:
        target, _, needs = expand(line, variables).partition(":")
        rule = rules.setdefault(target.strip(), Rule(target.strip()))
        rule.needs = list(dict.fromkeys([*rule.needs, *needs.split()]))
        if commands and rule.commands:
            raise RuleError(f"line {number}: {rule.target} has commands already")
        rule.commands += commands
    phony = rules.pop(".PHONY", Rule(".PHONY")).needs
    return rules, set(phony), variables
''',
)
replace(
    "order.py",
    r'''    done, seen = [], []

    def visit(name):
        if name in seen:
            raise CycleError([*seen, name])
        seen.append(name)
        for need in rules[name].needs if name in rules else []:
            visit(need)
        if name not in done:
            done.append(name)

    for name in wanted:
        visit(name)
    return done
''',
    r'''    done, path = {}, []

    def visit(name):
        if name in done:
            return
        if name in path:
            raise CycleError([*path[path.index(name) :], name])
        path.append(name)
        for need in rules[name].needs if name in rules else []:
            visit(need)
        done[path.pop()] = None

    for name in wanted:
        visit(name)
    return list(done)
''',
)
replace(
    "stale.py",
    r'''    made = []
    for name in ordered:
        if name not in rules:
            if name not in times:
                raise MissingError(f"there is no {name}")
            continue
        newest = max((times.get(need, 0) for need in rules[name].needs), default=0)
        if name not in times or newest >= times[name]:
            made.append(name)
    return made
''',
    r'''    made = {}
    for name in ordered:
        if name not in rules:
            if name not in times and name not in phony:
                raise MissingError(f"there is no {name}")
            continue
        needs = rules[name].needs
        if name in phony or name not in times or any(need in made for need in needs):
            made[name] = None
        elif any(need in times and times[need] > times[name] for need in needs):
            made[name] = None
    return list(made)
''',
)
replace(
    "plan.py",
    r'''"""From a text of rules to what is to be done."""

''',
    r'''"""From a text of rules to what is to be done."""

import re

''',
)
replace(
    "plan.py",
    r'''    text = expand(text, variables)
    for sign, value in (("$$", "$"), ("$@", rule.target), ("$<", rule.needs[0]), ("$^", " ".join(rule.needs))):
        text = text.replace(sign, value)
    return text
''',
    r'''    values = {"$$": "$", "$@": rule.target, "$<": "".join(rule.needs[:1]), "$^": " ".join(rule.needs)}
    return re.sub(r"\$[$@<^]", lambda match: values[match[0]], expand(text, variables))
''',
)
replace(
    "plan.py",
    r'''    return [[rule.target, [command(one, rule, variables) for one in rule.commands]] for rule in made]
''',
    r'''    return [[rule.target, [command(one, rule, variables) for one in rule.commands]] for rule in made if rule.commands]
''',
)
replace(
    "plan.py",
    r'''    rules, _, _ = parse(text)
    result = {"built": [], "failed": [], "skipped": []}
    for target, _ in plan(text, wanted, times):
        if any(need in result["failed"] for need in rules[target].needs):
            result["skipped"].append(target)
        elif target in failing:
            result["failed"].append(target)
        else:
            result["built"].append(target)
    return result
''',
    r'''    rules, _, _ = parse(text)
    result = {"built": [], "failed": [], "skipped": []}
    planned, lost = {target for target, _ in plan(text, wanted, times)}, set()
    for target in order(rules, wanted or list(rules)[:1]):
        if target in rules and any(need in lost for need in rules[target].needs):
            kind = "skipped"
        elif target in planned:
            kind = "failed" if target in failing else "built"
        else:
            continue
        if kind != "built":
            lost.add(target)
        if target in planned:
            result[kind].append(target)
    return result
''',
)
EOF
