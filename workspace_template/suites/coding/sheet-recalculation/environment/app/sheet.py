"""A sheet of cells that build on each other."""

from formula import calculate, names

CYCLE = "#CYCLE"


class Sheet:
    """Cells by name. What is set is text: a whole number, a formula behind `=`, or any other text; nothing clears."""

    def __init__(self):
        self.texts = {}
        self.values = {}

    def set(self, name, text):
        """Set a cell; raise ValueError, and change nothing, for a formula that is none."""
        if text.startswith("="):
            names(text[1:])
        self.texts[name] = text
        self.values = {cell: self._value(cell, ()) for cell in self.texts}

    def get(self, name):
        """Return what a cell shows: a number or a text."""
        return self.values.get(name, 0)

    def changed(self, name, text):
        """Set a cell and return the sorted names of all cells that show something else than before.

        The cell that was set is always among them.
        """
        before = dict(self.values)
        self.set(name, text)
        different = {cell for cell in self.values if self.values[cell] != before.get(cell, 0)}
        return sorted(different | {name})

    def _value(self, name, above):
        """Return the value of a cell; `above` are the cells that it is being calculated for."""
        text = self.texts.get(name, "").strip()
        if name in above:
            return CYCLE
        if text.startswith("="):
            return calculate(text[1:], lambda cell: self._value(cell, (*above, name)))
        try:
            return int(text or "0")
        except ValueError:
            return text
