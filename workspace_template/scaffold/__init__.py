"""A small coding agent: find the right files, show them in a budget, edit them exactly, read what the tests say."""
