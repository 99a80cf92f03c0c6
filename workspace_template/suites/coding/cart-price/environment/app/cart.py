"""What a customer buys, and what it costs."""

from prices import show_price


class Cart:
    """Counts items and adds them up by a list of prices."""

    def __init__(self, prices):
        self.prices = prices
        self.items = {}

    def add(self, name, count=1):
        """Put `count` pieces into the cart; raise KeyError for what is not on the list."""
        if name not in self.prices:
            raise KeyError(name)
        self.items[name] = self.items.get(name, 0) + count

    def total(self):
        """Return what everything costs, in cents."""
        return sum(self.prices[name] * count for name, count in self.items.items())

    def receipt(self):
        """Return the lines of the receipt, the last of them the total."""
        lines = [f"{count} x {name} {show_price(self.prices[name] * count)}" for name, count in self.items.items()]
        return [*lines, f"total {show_price(self.total())}"]
