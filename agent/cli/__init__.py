"""The composition root: alone reads arguments and environment, alone builds the parts below."""


def main() -> None:
    """Run the command line."""
    raise SystemExit(2)
