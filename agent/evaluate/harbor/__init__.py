"""Suites of coding tasks in the Harbor format: solved by the scaffold with a model, graded apart from solving."""
