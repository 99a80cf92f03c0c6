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
    "chart.py",
    r'''        return [account for account in self.names if account.startswith(name)]
''',
    r'''        return [account for account in self.names if account == name or account.startswith(f"{name}:")]
''',
)
replace(
    "entry.py",
    r'''        amounts = dict(self.lines)
        return Entry(day, f"reversal: {self.text}", tuple((account, -cents) for account, cents in amounts.items()))
''',
    r'''        return Entry(day, f"reversal: {self.text}", tuple((account, -cents) for account, cents in self.lines))
''',
)
replace(
    "journal.py",
    r'''        number = self.next_number
        self.next_number += 1
        entry.check(self.chart)
        self.entries[number] = entry
''',
    r'''        entry.check(self.chart)
        number = self.next_number
        self.next_number += 1
        self.entries[number] = entry
''',
)
replace(
    "journal.py",
    r'''        saved_entries, saved_lines = dict(self.entries), dict(self.lines)
''',
    r'''        saved_entries, saved_number = dict(self.entries), self.next_number
        saved_lines = {name: list(lines) for name, lines in self.lines.items()}
''',
)
replace(
    "journal.py",
    r'''            self.entries, self.lines = saved_entries, saved_lines
''',
    r'''            self.entries, self.lines, self.next_number = saved_entries, saved_lines, saved_number
''',
)
replace(
    "report.py",
    r'''        "opening": balance(journal, account, first),
''',
    r'''        "opening": sum(cents for day, _, cents in lines_of(journal, account) if day < first),
''',
)
replace(
    "share.py",
    r'''    parts = [cents * weight // whole for weight in weights]
''',
    r'''    if cents < 0:
        return [-part for part in share(-cents, weights)]
    parts = [cents * weight // whole for weight in weights]
''',
)
EOF
