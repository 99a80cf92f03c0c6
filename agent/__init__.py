"""The supervisor: trusted code on the host. See README.md for the map of the houses."""

__version__ = "0.1.0"
