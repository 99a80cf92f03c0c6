"""Differences of JSON documents."""

from docdiff.apply import Conflict, apply
from docdiff.diff import diff
from docdiff.invert import invert

__all__ = ["Conflict", "apply", "diff", "invert"]
