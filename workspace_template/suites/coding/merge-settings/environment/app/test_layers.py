"""Settings of a small program."""

from layers import resolve
from merge import merge


def test_what_is_not_named_stays():
    base = {"server": {"port": 80, "tls": {"on": False, "key": "k"}}, "name": "x"}

    assert merge(base, {"server": {"tls": {"on": True}}}) == {
        "server": {"port": 80, "tls": {"on": True, "key": "k"}},
        "name": "x",
    }


def test_origins():
    settings, origins = resolve([("default", {"a": {"b": 1, "c": 2}}), ("user", {"a": {"c": 3}})])

    assert settings == {"a": {"b": 1, "c": 3}}
    assert origins == {"a.b": "default", "a.c": "user"}
