"""A bucket of tokens that fills by itself."""


class Bucket:
    """Full at first; `now` is when it is made."""

    def __init__(self, plan, now):
        self.plan = plan
        self.tokens = plan.size
        self.filled = now

    def fill(self, now):
        """Add the tokens that have come since: one for each whole pause, and never more than the plan's size.

        Time towards the next token counts from the last one that came, or from now while the bucket is full.
        """
        self.tokens = min(self.plan.size, self.tokens + (now - self.filled) // self.plan.pause)
        self.filled = now

    def take(self, now, count):
        """Take `count` tokens if there are as many, and return whether there were. Nothing is taken otherwise."""
        self.fill(now)
        if count > self.tokens:
            return False
        self.tokens -= count
        return True

    def wait(self, now, count):
        """Return in how many milliseconds `count` tokens will be there: 0 when they are, None when they never fit."""
        self.fill(now)
        if count > self.plan.size:
            return None
        return max(0, count - self.tokens) * self.plan.pause - (now - self.filled) - 1
