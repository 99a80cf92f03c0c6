"""CEL in two engines that share no code: Google's C++ one and the Rust one. Only what both say counts.

An engine may be wrong; two engines written apart are seldom wrong in the same way. Where they differ (the length of a
string that is not ASCII is a real case), nothing has been decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from agent.errors import PolicyDenied

MAX_EXPRESSION = 2000
"""Characters. Longer is not a rule that a person reads; the engines limit nesting themselves."""
MAX_LOOPS = 4
"""Macros that run over lists, in one expression. Each can double what it is given: fourteen took three gigabytes."""

# What stands in a string or a comment is counted as well: that errs on the safe side, and needs no reader of CEL.
_LOOP = re.compile(r"\b(?:all|exists|exists_one|existsOne|filter|map)\s*(?:\(|//)")

Plain = bool | int | str
"""What an expression of the law may give."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An engine gave an error, or something that is neither a boolean, an integer nor a string."""

    why: str


NOT_ASKED: Final = Failed("it was not asked")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the two engines said about one expression."""

    google: Plain | Failed
    rust: Plain | Failed

    @property
    def agreed(self) -> Plain | None:
        """The value that both gave, of the same type, or None. True and 1 are not the same answer."""
        same = type(self.google) is type(self.rust) and self.google == self.rust
        return self.google if same and not isinstance(self.google, Failed) else None


class Activation:
    """The variables of an evaluation, converted once for both engines and used for every rule."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.names = tuple(sorted(variables))
        try:
            self.google = _environment(self.names).Activation(dict(variables))
            self.rust = _rust().Context(variables=dict(variables))
        except Exception as error:
            raise PolicyDenied("the facts cannot be given to the rule engines", why=str(error)[:200]) from error


@dataclass(frozen=True)
class Program:
    """One expression, compiled in both engines. Make one with `compile_both`."""

    source: str
    google: Any
    rust: Any

    def evaluate(self, activation: Activation) -> Answer:
        """Ask both engines. Never raises: what goes wrong in one is its answer.

        Only Google's counts its steps. So the other is not asked what that one could not answer, which decides nothing
        in any case, and might keep it busy for ever.
        """
        google = _ask_google(self.google, activation)
        return Answer(google, NOT_ASKED if isinstance(google, Failed) else _ask_rust(self.rust, activation))


def compile_both(source: str, names: tuple[str, ...]) -> Program:
    """Compile an expression over the variables `names` in both engines. Raises `PolicyDenied` if either refuses."""
    if len(source) > MAX_EXPRESSION:
        raise PolicyDenied("an expression is too long", why=f"more than {MAX_EXPRESSION} characters")
    if len(_LOOP.findall(source)) > MAX_LOOPS:
        raise PolicyDenied("an expression runs over too many lists", why=f"more than {MAX_LOOPS} macros")
    try:
        return Program(source, _environment(tuple(sorted(names))).compile(source), _rust().compile(source))
    except Exception as error:
        raise PolicyDenied("an expression does not compile", why=" ".join(str(error).split())[:300]) from error


@cache
def _environment(names: tuple[str, ...]) -> Any:
    """The Google engine's environment: the core language only, every variable of dynamic type."""
    google = _google()
    return google.NewEnv(variables=dict.fromkeys(names, google.Type.DYN))


# Loaded by what judges, and by nothing that only reads: the package of the Rust engine brings a command line with it
# that takes as long to load as all that most commands need.
@cache
def _rust() -> Any:
    import cel  # noqa: PLC0415  # see above

    return cel


@cache
def _google() -> Any:
    from cel_expr_python import cel  # noqa: PLC0415  # see above

    return cel


_GOOGLE_TYPES: Final = {"BOOL": bool, "INT": int, "STRING": str}
# What the engines are known to throw. Anything else ends the judgement without a verdict, which allows nothing either.
_ENGINE_ERRORS: Final = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def _ask_google(program: Any, activation: Activation) -> Plain | Failed:
    try:
        value = program.eval(activation.google)
        kind = _GOOGLE_TYPES.get(value.type().name())
        plain = value.plain_value() if kind else None
    except _ENGINE_ERRORS as error:
        return Failed(str(error)[:200])
    if kind and type(plain) is kind:
        return _plain(plain)
    return Failed(
        str(value.value())[:200] if value.type() == _google().Type.ERROR else f"it gives {value.type().name()}"
    )


def _ask_rust(program: Any, activation: Activation) -> Plain | Failed:
    try:
        value = program.execute(activation.rust)
    except _ENGINE_ERRORS as error:
        return Failed(str(error)[:200])
    return _plain(value)


def _plain(value: object) -> Plain | Failed:
    return value if isinstance(value, bool | int | str) else Failed(f"it gives {type(value).__name__}")
