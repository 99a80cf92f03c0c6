"""Rules: `target: needs...` with indented commands below, `NAME = value`, and `#` comments."""

import re
from dataclasses import dataclass, field


class RuleError(ValueError):
    """A line that is no rule; its number is in the words."""


@dataclass
class Rule:
    """What a target needs, in order and each once, and the commands that make it."""

    target: str
    needs: list = field(default_factory=list)
    commands: list = field(default_factory=list)


def expand(text, variables):
    """Return text with every `$(NAME)` replaced by its value, and those in the value too; unknown names by nothing.

    `$$` is left alone. A variable that needs itself raises RuleError.
    """
    return re.sub(r"\$\((\w+)\)", lambda match: variables.get(match[1], ""), text)


def parse(text):
    """Return (rules by target, phony targets, variables) of a text.

    A `#` begins a comment, but not within commands, which are kept as they are, without the indent. A line that ends in a
    backslash goes on in the next one. Variables may be used above the line that sets them; the last setting counts.
    A target may stand in several rules: it needs what all of them name; commands may come with one of them only. What
    `.PHONY` needs are the phony targets, and it is no rule itself.
    """
    rules, phony, variables, current = {}, set(), {}, None
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
