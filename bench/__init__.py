"""Measures, each beside what it is compared with, run in the same call on the same machine."""
