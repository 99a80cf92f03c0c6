"""What is posted: lines that come to nothing together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A posting of a day (`YYYY-MM-DD`). Each line is (account, cents); an account may stand in several lines."""

    day: str
    text: str
    lines: tuple

    def check(self, chart):
        """Raise ValueError unless there are two lines at least, of known accounts, that add up to zero."""
        if len(self.lines) < 2:
            raise ValueError(f"{self.text}: one line is no entry")
        for account, _ in self.lines:
            if account not in chart:
                raise ValueError(f"{self.text}: there is no account {account}")
        if sum(cents for _, cents in self.lines):
            raise ValueError(f"{self.text}: the lines do not add up to zero")

    def reversed(self, day):
        """Return the entry that takes this one back: each line of it with the opposite amount."""
        amounts = dict(self.lines)
        return Entry(day, f"reversal: {self.text}", tuple((account, -cents) for account, cents in amounts.items()))
