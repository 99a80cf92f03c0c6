"""From the source of a module to questions about it: the first paragraphs of its functions' docstrings."""

from __future__ import annotations

import ast
import re

MIN_WORDS = 5
MAX_CHARS = 500

_WORD = re.compile(r"[A-Za-z]{2,}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


def questions(source: bytes) -> tuple[str, ...]:
    """Return the first paragraph of each function's and method's docstring, white space normalised, in source order.

    Left out: paragraphs of fewer than `MIN_WORDS` words, and those longer than `MAX_CHARS`: tables or examples.
    """
    functions = (
        node
        for node in ast.walk(_parse(source) or ast.Module([], []))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    ordered = sorted(functions, key=lambda node: (node.lineno, node.col_offset))
    paragraphs = (_first_paragraph(ast.get_docstring(node) or "") for node in ordered)
    return tuple(text for text in paragraphs if len(_WORD.findall(text)) >= MIN_WORDS and len(text) <= MAX_CHARS)


def first_sentence(text: str) -> str:
    """Return the first sentence of a normalised paragraph that has at least `MIN_WORDS` words, else the paragraph."""
    for end in _SENTENCE_END.finditer(text):
        sentence = text[: end.start()]
        if len(sentence.split()) >= MIN_WORDS:
            return sentence
    return text


def may_have_docstrings(source: bytes) -> bool:
    """Whether any function, class or the module itself still has one, or the source cannot be read to see."""
    module = _parse(source)
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return module is None or any(
        isinstance(node, kinds) and ast.get_docstring(node, clean=False) for node in ast.walk(module)
    )


def _parse(source: bytes) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _first_paragraph(docstring: str) -> str:
    return " ".join(re.split(r"\n\s*\n", docstring.strip(), maxsplit=1)[0].split())
