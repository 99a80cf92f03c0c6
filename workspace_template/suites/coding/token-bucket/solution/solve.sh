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
    "bucket.py",
    r'''        self.tokens = min(self.plan.size, self.tokens + (now - self.filled) // self.plan.pause)
        self.filled = now

    def take''',
    r'''        came = (now - self.filled) // self.plan.pause
        self.tokens = min(self.plan.size, self.tokens + came)
        self.filled = now if self.tokens == self.plan.size else self.filled + came * self.plan.pause

    def change(self, plan, now):
        """Go on with another plan: keep the tokens that fit, and begin to wait for the next one."""
        self.fill(now)
        self.plan = plan
        self.tokens = min(self.tokens, plan.size)
        self.filled = now

    def take''',
)
replace(
    "bucket.py",
    r'''        return max(0, count - self.tokens) * self.plan.pause - (now - self.filled) - 1
''',
    r'''        if count <= self.tokens:
            return 0
        return (count - self.tokens) * self.plan.pause - (now - self.filled)
''',
)
replace(
    "limiter.py",
    r'''    def __init__(self, plans={}, buckets={}):
        self.plans = plans
        self.buckets = buckets

    def _bucket(self, customer, now):
        key = customer.lower()
        if key not in self.buckets:
            self.buckets[key] = Bucket(PLANS[self.plans.get(customer, "free")], now)
        return self.buckets[key]
''',
    r'''    def __init__(self, plans=None, buckets=None):
        self.plans = dict(plans or {})
        self.buckets = {} if buckets is None else buckets

    def _bucket(self, customer, now):
        if customer not in self.buckets:
            self.buckets[customer] = Bucket(PLANS[self.plans.get(customer, "free")], now)
        return self.buckets[customer]
''',
)
replace(
    "limiter.py",
    r'''        self.plans[customer] = plan
        bucket = self._bucket(customer, now)
        bucket.plan = PLANS[plan]
''',
    r'''        new = PLANS[plan]
        self._bucket(customer, now).change(new, now)
        self.plans[customer] = plan
''',
)
EOF
