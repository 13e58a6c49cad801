"""Nearest neighbours of arrays."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from vecinity import _vecinity
from vecinity._options import Metric, Path

# Changes that are looked at one by one before the index is built anew: this many, or a tenth of what there is.
_PENDING = 2000


class Index:
    """Finds the vectors nearest to a query, nearly exactly and much sooner than by looking at all.

    >>> import numpy as np
    >>> from vecinity import Index
    >>> index = Index(metric="cosine")
    >>> index.add(np.array([[1, 0], [0, 2], [3, 4]]), keys=[10, 20, 30])
    >>> keys, scores = index.search(np.array([1.0, 0.0]), k=2)
    >>> keys.tolist(), scores.round(2).tolist()
    ([10, 30], [1.0, 0.6000000238418579])

    Args:
        metric: How vectors are compared: `cosine`, `dot` (larger is nearer) or `euclidean` (smaller is nearer, not squared).
        recall: The share of the true ten nearest that searches are to find; the effort is chosen by measurement.
        path: The folder of the index; a temporary one if absent.
        threads: Threads for building and batches; all cores if absent.
    """

    def __init__(
        self, metric: Metric = "cosine", *, recall: float = 0.99, path: Path | None = None, threads: int | None = None
    ) -> None:
        if metric not in ("cosine", "dot", "euclidean"):
            raise ValueError(f"metric is {metric!r}, expected 'cosine', 'dot' or 'euclidean'")
        if not 0 < recall <= 1:
            raise ValueError(f"recall is {recall}, expected a number above 0 and at most 1")
        self._metric: Metric = metric
        self._recall = recall
        self._threads = threads or os.cpu_count() or 1
        self._path = None if path is None else os.fspath(path)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._index: _vecinity.Index | None = None
        self._next = 0

    @classmethod
    def load(cls, path: Path, *, read_only: bool = False, threads: int | None = None) -> Index:
        """Open an index folder; one process may change it, any number may search it (`read_only`)."""
        opened = _vecinity.Index.open(os.fspath(path), not read_only)
        index = cls(opened.metric, path=path, threads=threads)  # type: ignore[arg-type]
        if opened.pending and not read_only:
            opened.merge()
        index._index = opened
        index._next = opened.next_key
        return index

    @property
    def metric(self) -> str:
        """How vectors are compared."""
        return self._metric

    @property
    def dim(self) -> int | None:
        """Values in a vector; `None` before anything was added."""
        return None if self._index is None else self._index.dim

    @property
    def recall(self) -> float | None:
        """The share of the true ten nearest that is found, as measured when the index was built."""
        return None if self._index is None else self._index.recall

    def __len__(self) -> int:
        return 0 if self._index is None else len(self._index)

    def __contains__(self, key: object) -> bool:
        if self._index is None or not isinstance(key, (int, np.integer)) or key < 0:
            return False
        return int(key) in self._index

    def __repr__(self) -> str:
        return f"<vecinity.Index: {len(self):,} vectors, dim {self.dim}, {self.metric}>"

    def add(self, vectors: npt.ArrayLike, keys: npt.ArrayLike | None = None) -> None:
        """Add vectors, shape `[n, dim]`, or replace those of the same keys.

        The first call builds the index; add as many as you have at once. Later ones are seen by every search from then
        on, and the index is built anew once they are many.

        Args:
            keys: Whole numbers from 0, shape `[n]`; numbered on if absent.
        """
        rows = _rows(vectors, self.dim, "vectors")
        if keys is None:
            numbers = np.arange(self._next, self._next + len(rows), dtype=np.uint64)
        else:
            numbers = _keys(keys)
            if len(numbers) != len(rows):
                raise ValueError(f"there are {len(numbers)} keys for {len(rows)} vectors")
        if not len(rows):
            return
        if self._index is None:
            if self._path is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="vecinity-")
                self._path = os.path.join(self._temporary.name, "index")
            self._index = _vecinity.Index.create(
                self._path, rows.reshape(-1), rows.shape[1], numbers, self._metric, self._recall, self._threads
            )
        else:
            self._index.put(numbers, rows.reshape(-1))
            if self._index.pending > max(_PENDING, len(self._index) // 10):
                self._index.merge()
        self._next = max(self._next, int(numbers.max()) + 1)

    def delete(self, keys: npt.ArrayLike) -> None:
        """Remove vectors; nothing happens for keys that are not there."""
        if self._index is not None:
            self._index.delete(_keys(np.atleast_1d(np.asarray(keys))).tolist())

    def search(
        self, queries: npt.ArrayLike, k: int = 10, *, keys: npt.ArrayLike | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The `k` vectors nearest to each query, the nearest first.

        Args:
            queries: Shape `[q, dim]`, or `[dim]` for one.
            keys: Only these may be found.

        Returns:
            Keys and scores, shape `[q, k]` (or `[k]`); where fewer are found, key -1 and score NaN.
        """
        if self._index is None:
            raise ValueError("the index is empty: add vectors first")
        if k < 1:
            raise ValueError(f"k is {k}, expected at least 1")
        one = np.ndim(queries) == 1
        rows = _rows(np.atleast_2d(np.asarray(queries)), self.dim, "queries")
        allowed = None if keys is None else _keys(keys).tolist()
        found, scores = self._index.search(rows.reshape(-1), int(k), allowed, self._threads)
        shape = (k,) if one else (len(rows), k)
        return found.reshape(shape), scores.reshape(shape)

    def merge(self) -> None:
        """Build the index anew with all changes; searches of other threads go on meanwhile."""
        if self._index is not None:
            self._index.merge()

    def save(self, path: Path) -> None:
        """Write the index to a folder, whole or not at all."""
        if self._index is None:
            raise ValueError("the index is empty: add vectors first")
        self._index.save(os.fspath(path))


def _rows(vectors: npt.ArrayLike, dim: int | None, name: str) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[Any] = np.asarray(vectors)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"{name} have the shape {list(rows.shape)}, expected [n, dim]")
    if dim is not None and rows.shape[1] != dim:
        raise ValueError(f"{name} have {rows.shape[1]} values, those of the index {dim}")
    if not np.issubdtype(rows.dtype, np.number):
        raise TypeError(f"{name} hold {rows.dtype}, expected numbers")
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} hold NaN or infinity")
    return rows


def _keys(keys: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    numbers: npt.NDArray[Any] = np.asarray(keys)
    if numbers.size == 0:
        return np.zeros(0, dtype=np.uint64)
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer) or numbers.min() < 0 or numbers.max() >= 2**63:
        raise ValueError("keys must be whole numbers from 0 to 2^63 - 1, shape [n]")
    return np.ascontiguousarray(numbers, dtype=np.uint64)


__all__ = ["Index"]
