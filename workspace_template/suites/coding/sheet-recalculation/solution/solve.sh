#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > sheet.py <<'EOF'
"""A sheet of cells that build on each other."""

from formula import calculate, names

CYCLE = "#CYCLE"


class Sheet:
    """Cells by name. What is set is text: a whole number, a formula behind `=`, or any other text; nothing clears."""

    def __init__(self):
        self.texts = {}
        self.values = {}
        self._uses = {}
        self._used_by = {}

    def set(self, name, text):
        """Set a cell; raise ValueError, and change nothing, for a formula that is none."""
        self._set(name, text)

    def get(self, name):
        """Return what a cell shows: a number or a text."""
        return self.values.get(name, 0)

    def changed(self, name, text):
        """Set a cell and return the sorted names of all cells that show something else than before.

        The cell that was set is always among them.
        """
        return sorted(self._set(name, text) | {name})

    def _set(self, name, text):
        """Set a cell, calculate what depends on it, and return the names of the cells that changed."""
        formula = _formula(text)
        uses = names(formula) if formula is not None else set()
        for cell in self._uses.pop(name, ()):
            self._used_by[cell].pop(name)
        self.texts[name] = text
        self._uses[name] = uses
        for cell in uses:
            self._used_by.setdefault(cell, {})[name] = None
        touched = self._touched(name)
        # In the order of dependence; cells on a circle, and those that build on one, never become free.
        waits = {cell: sum(used in touched for used in self._uses.get(cell, ())) for cell in touched}
        free = [cell for cell, number in waits.items() if not number]
        new = dict.fromkeys(touched, CYCLE)
        before = {cell: self.values.get(cell, 0) for cell in touched}
        for cell in free:
            new[cell] = self.values[cell] = self._value(cell)
            for user in self._used_by.get(cell, ()):
                waits[user] -= 1
                if not waits[user]:
                    free.append(user)
        self.values.update(new)
        return {cell for cell in touched if before[cell] != new[cell]}

    def _touched(self, name):
        """Return the cell and all that depend on it."""
        touched, waiting = {name}, [name]
        while waiting:
            for user in self._used_by.get(waiting.pop(), ()):
                if user not in touched:
                    touched.add(user)
                    waiting.append(user)
        return touched

    def _value(self, name):
        text = self.texts[name]
        formula = _formula(text)
        if formula is not None:
            return calculate(formula, self.get)
        try:
            return int(text.strip() or "0")
        except ValueError:
            return text.strip()


def _formula(text):
    """Return the formula of a cell's text without its `=`, or None."""
    text = text.strip()
    return text[1:] if text.startswith("=") else None
EOF
