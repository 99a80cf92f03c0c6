"""The one error of the scaffold."""


class Refused(Exception):
    """The input cannot be handled without guessing. The message is one sentence for whoever asked."""
