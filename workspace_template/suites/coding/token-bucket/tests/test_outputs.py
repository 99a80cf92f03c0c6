"""Stories of calls, told here token by token and by the limiter."""

import random

PLANS = {"free": [2, 10_000], "basic": [5, 1_000], "pro": [50, 70]}
PLAY = """
from limiter import Limiter
result = []
for plans, steps in given:
    limiter, said = Limiter(dict(plans)) if plans else Limiter(), []
    for step, *rest in steps:
        try:
            said.append(getattr(limiter, step)(*rest))
        except KeyError:
            said.append("no plan")
    result.append(said)
"""


def told(plans, steps):
    """Tell a story: each customer has a plan, tokens, and the moment from which the next token is waited for."""
    plans, held, said = dict(plans), {}, []
    for step, customer, *rest in steps:
        now = rest[1] if step == "move" else rest[0]
        if step == "move" and rest[0] not in PLANS:
            said.append("no plan")
            continue
        size, pause = PLANS[plans.get(customer, "free")]
        tokens, since = held.get(customer, (size, now))
        while tokens < size and now - since >= pause:
            tokens, since = tokens + 1, since + pause
        since = now if tokens == size else since
        if step == "move":
            plans[customer] = rest[0]
            tokens, since = min(tokens, PLANS[rest[0]][0]), now
            said.append(None)
        else:
            count = rest[1] if len(rest) > 1 else 1
            if step == "allow":
                said.append(count <= tokens)
                tokens -= count if count <= tokens else 0
            else:
                said.append(None if count > size else 0 if count <= tokens else since + (count - tokens) * pause - now)
        held[customer] = (tokens, since)
    return said


def test_a_slow_plan_that_is_asked_every_second(check):
    steps = [["allow", "a", second * 1000] for second in range(35)]
    check(PLAY, [[{}, steps]], [[second in (0, 1, 10, 20, 30) for second in range(35)]])


def test_customers_and_limiters_share_nothing(check):
    both = [["allow", name, 0] for name in ("ann", "ann", "ann", "Ann", "ANN", "ann ")]
    check(PLAY, [[{}, both], [{}, both]], [[True, True, False, True, True, True]] * 2)
    code = """
from limiter import Limiter
first = Limiter()
first.move("x", "pro", 0)
second = Limiter()
result = [second.allow("x", 0, 3), second.allow("x", 0, 2), first.allow("x", 0, 3)]
"""
    check(code, None, [False, True, False])


def test_moving(check):
    steps = [
        ["allow", "a", 0, 45], ["move", "a", "basic", 0], ["allow", "a", 0, 5], ["allow", "a", 999], ["allow", "a", 1000],
        ["move", "a", "pro", 1500], ["allow", "a", 1569], ["allow", "a", 1570], ["move", "a", "gold", 1570], ["retry_after", "a", 1570],
        ["move", "b", "free", 0], ["allow", "b", 0, 3], ["allow", "b", 0, 2], ["move", "b", "pro", 20_000], ["allow", "b", 20_000, 3],
        ["retry_after", "b", 20_000, 50], ["move", "c", "nothing", 0], ["allow", "c", 0, 2], ["allow", "c", 0],
    ]  # fmt: skip
    check(PLAY, [[{"a": "pro"}, steps]], [[
        True, None, True, False, True, None, False, True, "no plan", 70, None, False, True, None, False, 3360, "no plan", True, False,
    ]])  # fmt: skip


def test_coming_back_in_time(check):
    steps = [["allow", "a", 0, 2], ["retry_after", "a", 0], ["retry_after", "a", 3000, 2], ["retry_after", "a", 9999], ["allow", "a", 9999],
             ["allow", "a", 10_000], ["retry_after", "a", 10_001], ["retry_after", "a", 10_001, 3], ["retry_after", "b", 5], ["retry_after", "b", 5, 2]]  # fmt: skip
    check(PLAY, [[{}, steps]], [[True, 10_000, 17_000, 1, False, True, 9_999, None, 0, 0]])


def test_many_stories(check):
    dice, stories = random.Random(17), []
    for _ in range(60):
        now, steps = 0, []
        plans = {name: dice.choice(list(PLANS)) for name in "abC"}
        for _ in range(60):
            now += dice.choice([0, 1, 35, 70, 400, 999, 1000, 2500, 9000])
            name = dice.choice("abCdD")
            steps.append(dice.choice([["allow", name, now, dice.randint(1, 6)], ["allow", name, now], ["retry_after", name, now],
                                      ["retry_after", name, now, dice.randint(1, 8)], ["move", name, dice.choice([*PLANS, "x"]), now]]))  # fmt: skip
        stories.append([plans, steps])
    check(PLAY, stories, [told(*story) for story in stories])
