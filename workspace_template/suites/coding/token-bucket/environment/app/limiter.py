"""Who may call now."""

from bucket import Bucket
from plans import PLANS


class Limiter:
    """A bucket for each customer, made at the first call, by the customer's plan; `free` for those without one."""

    def __init__(self, plans={}, buckets={}):
        self.plans = plans
        self.buckets = buckets

    def _bucket(self, customer, now):
        key = customer.lower()
        if key not in self.buckets:
            self.buckets[key] = Bucket(PLANS[self.plans.get(customer, "free")], now)
        return self.buckets[key]

    def allow(self, customer, now, count=1):
        """Return whether the customer may make a call that costs `count` tokens, and take them if so.

        Customers are told apart by their exact names.
        """
        return self._bucket(customer, now).take(now, count)

    def retry_after(self, customer, now, count=1):
        """Return the least number of milliseconds after which the same call would be let through.

        0 when it would be now, None when it never will.
        """
        return self._bucket(customer, now).wait(now, count)

    def move(self, customer, plan, now):
        """Give a customer another plan; raise KeyError, and change nothing, when there is no such plan."""
        self.plans[customer] = plan
        bucket = self._bucket(customer, now)
        bucket.plan = PLANS[plan]
