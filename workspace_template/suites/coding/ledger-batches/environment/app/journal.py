"""Everything that was posted, numbered from 1 without gaps."""


class Journal:
    """Holds entries by number, and for each account its lines (number, day, cents) in the order of posting."""

    def __init__(self, chart):
        self.chart = chart
        self.entries = {}
        self.lines = {name: [] for name in chart.names}
        self.next_number = 1

    def post(self, entry):
        """Add an entry and return its number; raise ValueError, and change nothing, when it is not in order."""
        number = self.next_number
        self.next_number += 1
        entry.check(self.chart)
        self.entries[number] = entry
        for account, cents in entry.lines:
            self.lines[account].append((number, entry.day, cents))
        return number

    def post_all(self, entries):
        """Add several entries and return their numbers: all of them or, when one is not in order, none.

        After a refusal (ValueError) the journal is exactly what it was before.
        """
        saved_entries, saved_lines = dict(self.entries), dict(self.lines)
        try:
            return [self.post(entry) for entry in entries]
        except ValueError:
            self.entries, self.lines = saved_entries, saved_lines
            raise

    def reverse(self, number, day):
        """Post what takes the entry of that number back, and return the new number; raise KeyError if there is none."""
        return self.post(self.entries[number].reversed(day))
