"""The composition root: alone reads arguments and environment, alone builds the parts below.

One module for each group of commands. Importing this package is cheap; the parts are loaded by the command that runs.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from agent.cli.app import app

    app()
