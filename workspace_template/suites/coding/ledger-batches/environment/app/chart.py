"""The accounts there are: names with `:` between their levels, such as `assets:bank:giro`."""


class Chart:
    """A fixed set of accounts. Money is only ever posted to those named here."""

    def __init__(self, names):
        self.names = tuple(names)

    def __contains__(self, name):
        return name in self.names

    def below(self, name):
        """Return `name`, if it is an account, and all accounts that lie below it, in the order of the chart."""
        return [account for account in self.names if account.startswith(name)]
