"""What the accounts come to. An account stands for itself and everything below it."""


def lines_of(journal, account):
    """Return (day, number, cents) of all lines of an account and of those below it, by day and then by number."""
    found = [
        (day, number, cents) for name in journal.chart.below(account) for number, day, cents in journal.lines[name]
    ]
    return sorted(found, key=lambda line: line[:2])


def balance(journal, account, until="9999-12-31"):
    """Return the cents on an account at the end of the day `until`."""
    return sum(cents for day, _, cents in lines_of(journal, account) if day <= until)


def statement(journal, account, first, last):
    """Return the account's `opening` balance before the day `first`, its `lines` up to and with the day `last`, and
    its `closing` balance at the end of that day. Lines are [day, number, cents]."""
    lines = [list(line) for line in lines_of(journal, account) if first <= line[0] <= last]
    return {
        "opening": balance(journal, account, first),
        "lines": lines,
        "closing": balance(journal, account, last),
    }


def trial_balance(journal):
    """Return the balance of every account of the chart that has a line, without those below it; they add up to zero."""
    return {name: sum(cents for _, _, cents in lines) for name, lines in journal.lines.items() if lines}
