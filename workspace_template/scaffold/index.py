"""BM25 over an inverted index (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009)."""

import math
from collections.abc import Mapping, Sequence

Posting = tuple[int, float]


class Index:
    """Documents as bags of terms, scored against a query.

    `k1` says how soon more of the same term stops to count, `b` how much a long document is held against it (0 to 1).
    """

    def __init__(self, documents: Sequence[Mapping[str, float]], k1: float = 1.5, b: float = 0.75) -> None:
        self._k1 = k1
        self._b = b
        self._lengths = [sum(document.values()) for document in documents]
        self._mean_length = sum(self._lengths) / max(len(documents), 1) or 1.0
        self._postings: dict[str, list[Posting]] = {}
        self._weighed: dict[str, list[Posting]] = {}
        for number, document in enumerate(documents):
            for term, count in document.items():
                self._postings.setdefault(term, []).append((number, count))

    def scores(self, query: Mapping[str, float]) -> dict[int, float]:
        """Map the number of each document that shares a term with the query to its score; higher is better."""
        scores: dict[int, float] = {}
        for term, times in query.items():
            for number, weight in self._weights(term):
                scores[number] = scores.get(number, 0.0) + times * weight
        return scores

    def rarity(self, term: str) -> float:
        """Inverse document frequency: how much it says that a document has this term. Never negative."""
        having = len(self._postings.get(term, ()))
        return math.log(1 + (len(self._lengths) - having + 0.5) / (having + 0.5))

    def _weights(self, term: str) -> list[Posting]:
        """What one occurrence of the term in a query is worth, by document. Queries repeat terms, so it is kept."""
        if term not in self._weighed:
            rarity = self.rarity(term)
            postings = self._postings.get(term, [])
            self._weighed[term] = [(number, rarity * self._saturation(count, number)) for number, count in postings]
        return self._weighed[term]

    def _saturation(self, count: float, number: int) -> float:
        """Grow with the count towards k1 + 1, more slowly in a long document."""
        length = self._lengths[number] / self._mean_length
        return count * (self._k1 + 1) / (count + self._k1 * (1 - self._b + self._b * length))
