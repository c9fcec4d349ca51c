"""The texts of both trees of a change, searched as one: most files are the same in both, and a word is looked for once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable
from functools import cached_property

from workbench.repo import Repo

_LARGEST = 400_000


class Searched:
    """Texts by the id of their blob; `wanted` gives the ids when the first is asked for. Files beyond 400 kB are left out."""

    def __init__(self, repo: Repo, wanted: Callable[[], Collection[str]]) -> None:
        self._repo = repo
        self._wanted = wanted
        self._found: dict[str, frozenset[str]] = {}

    @cached_property
    def texts(self) -> dict[str, str]:
        """The id of each blob → its text."""
        return {blob_id: content.decode("utf-8", "replace") for blob_id, content in self._repo.blobs(self._small).items()}

    @cached_property
    def _small(self) -> set[str]:
        return {blob_id for blob_id, size in self._repo.sizes(self._wanted()).items() if size <= _LARGEST}

    def hold(self, ids: Iterable[str]) -> None:
        """Reads those that aren't too large at once, because they will be parsed one by one."""
        self._repo.hold(self._small.intersection(ids))

    @cached_property
    def _joined(self) -> tuple[str, list[int], list[str]]:
        """All texts behind each other, where each begins, and their ids."""
        begins, at = [], 0
        for text in self.texts.values():
            begins.append(at)
            at += len(text) + 1
        return "\0".join(self.texts.values()), begins, list(self.texts)

    def holding(self, words: Iterable[str]) -> set[str]:
        """The ids of texts in which one of the words occurs."""
        return {blob_id for word in words for blob_id in self._holding(word)}

    def _holding(self, word: str) -> frozenset[str]:
        if word not in self._found:
            whole, begins, ids = self._joined
            found = set()
            at = whole.find(word)
            while at >= 0:
                number = bisect_right(begins, at) - 1
                found.add(ids[number])
                at = whole.find(word, begins[number + 1]) if number + 1 < len(begins) else -1
            self._found[word] = frozenset(found)
        return self._found[word]
