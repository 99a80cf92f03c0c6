"""From a text of rules to what is to be done."""

from order import order
from rules import expand, parse
from stale import stale


def command(text, rule, variables):
    """Return a command with its names put in: `$@` the target, `$<` the first need, `$^` all needs, `$$` a dollar sign.

    Variables are expanded before, and their values may hold such signs. What is put in for a sign is not looked at again.
    """
    text = expand(text, variables)
    for sign, value in (("$$", "$"), ("$@", rule.target), ("$<", rule.needs[0]), ("$^", " ".join(rule.needs))):
        text = text.replace(sign, value)
    return text


def plan(text, wanted, times):
    """Return [target, commands] of all that has to be made for the wanted targets, in order.

    Without wanted targets the first rule's is meant. A target without commands is left out of the plan, though what needs
    it may have to be made because of it.
    """
    rules, phony, variables = parse(text)
    ordered = order(rules, wanted or list(rules)[:1])
    made = [rules[name] for name in stale(rules, phony, ordered, times)]
    return [[rule.target, [command(one, rule, variables) for one in rule.commands]] for rule in made]


def carry_out(text, wanted, times, failing):
    """Return {"built", "failed", "skipped"}: what comes of a plan when making the targets in `failing` fails.

    What needs something that failed, by whatever steps, is skipped; everything else of the plan is made. Each list holds
    targets of the plan in its order.
    """
    rules, _, _ = parse(text)
    result = {"built": [], "failed": [], "skipped": []}
    for target, _ in plan(text, wanted, times):
        if any(need in result["failed"] for need in rules[target].needs):
            result["skipped"].append(target)
        elif target in failing:
            result["failed"].append(target)
        else:
            result["built"].append(target)
    return result
