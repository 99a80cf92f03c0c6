"""Numerals of some chapters."""

from roman import read, write


def test_write():
    assert write(14) == "XIV"
    assert write(2023) == "MMXXIII"


def test_read():
    assert read("XCI") == 91
