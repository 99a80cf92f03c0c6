"""Probes measured: seeded attacks that they must find, and honest patches that they must let pass."""
