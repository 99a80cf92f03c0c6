"""Find the files of a repository that a question is about."""

import re
from collections.abc import Mapping

from scaffold.index import Index
from scaffold.tokens import Analyzer, analyzer, count_terms

_DEFINITION = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)


class Search:
    """Rank files by BM25 over three fields: the text, the names defined in it, and the path.

    A weight says how many occurrences in the text one occurrence in that field is worth, beyond its place in the text.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        terms: Analyzer | None = None,
        path_weight: float = 1.0,
        definition_weight: float = 1.0,
    ) -> None:
        self._terms = terms or analyzer()
        self._weights = (1.0, path_weight, definition_weight)
        self._paths = sorted(files)
        self._index = Index([self._document(path, files[path]) for path in self._paths])

    def rank(self, query: str, limit: int = 20) -> list[str]:
        """Return at most `limit` paths, best first; files that share nothing with the query are left out."""
        scores = self._index.scores(count_terms(query, self._terms))
        best = sorted(scores, key=lambda number: (-scores[number], self._paths[number]))
        return [self._paths[number] for number in best[:limit]]

    def _document(self, path: str, text: str) -> dict[str, float]:
        fields = (text, path, "\n".join(_DEFINITION.findall(text)))
        document: dict[str, float] = {}
        for field, weight in zip(fields, self._weights, strict=True):
            if not weight:
                continue
            for term, count in count_terms(field, self._terms).items():
                document[term] = document.get(term, 0.0) + count * weight
        return document
