"""Vectors by their keys, with gensim's names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecinity import _vecinity
from vecinity._options import Path, Vectors

Floats = npt.NDArray[np.float32]
Key = str | int
Asked = Any  # A key, a row number, a vector, or one of them with a weight.


class KeyedVectors:
    """Vectors by their keys, with the names of `gensim.models.KeyedVectors`.

    `Model.input` and `Model.output` are such views: `vectors` is the mapped file itself, without a copy. Adding to a view
    makes it a copy of its own first.
    """

    def __init__(self, vector_size: int, count: int = 0) -> None:
        self._rows: _vecinity.Embeddings | None = None
        self._matrix: Floats | None = np.zeros((0, vector_size), dtype=np.float32)
        self._vectors: Vectors = "input"
        self._keys: list[str] | None = []
        self._index: dict[str, int] | None = {}
        self._attributes: dict[str, dict[str, Any]] = {}
        self._norms: Floats | None = None
        self._counted: list[int] | None = None
        self._size = vector_size
        # Room that gensim allocates in advance; here it comes as it is needed.
        del count

    @classmethod
    def _of(cls, embeddings: _vecinity.Embeddings, vectors: Vectors) -> KeyedVectors:
        view = cls(0)
        view._rows, view._vectors = embeddings, vectors
        view._matrix = np.asarray(embeddings.matrix(vectors))
        view._keys = view._index = None
        view._size = view._matrix.shape[1]
        return view

    # What there is.

    @property
    def vector_size(self) -> int:
        """Values in a vector."""
        return self._size

    @property
    def vectors(self) -> Floats:
        """All vectors, shape `[len, vector_size]`."""
        assert self._matrix is not None
        return self._matrix

    @property
    def index_to_key(self) -> list[str]:
        """The keys by row."""
        if self._keys is None:
            assert self._rows is not None
            self._keys = self._rows.tokens()
        return self._keys

    @property
    def key_to_index(self) -> dict[str, int]:
        """The row of each key."""
        if self._index is None:
            self._index = {key: row for row, key in enumerate(self.index_to_key)}
        return self._index

    @property
    def norms(self) -> Floats:
        """The length of each vector, shape `[len]`."""
        if self._norms is None:
            self._norms = np.linalg.norm(self.vectors, axis=1).astype(np.float32)
        return self._norms

    def fill_norms(self, force: bool = False) -> None:
        """Compute `norms` now."""
        if force:
            self._norms = None
        _ = self.norms

    def __len__(self) -> int:
        return len(self.vectors)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __repr__(self) -> str:
        return f"KeyedVectors<vector_size={self.vector_size}, {len(self)} keys>"

    __str__ = __repr__

    def has_index_for(self, key: str) -> bool:
        """Whether there is a vector of this key."""
        return key in self

    def get_index(self, key: Key, default: int | None = None) -> int:
        """The row of a key; a row number is itself.

        Raises:
            KeyError: There is none, and no `default`; the text has what the key may mean.
        """
        if isinstance(key, str):
            row = self._find(key)
            if row is not None:
                return row
        elif 0 <= int(key) < len(self):
            return int(key)
        if default is not None:
            return default
        if isinstance(key, str):
            # Raises with suggestions; a title is no key.
            self._searched().resolve(key)
        raise KeyError(f"Key '{key}' not present")

    def get_vector(self, key: Key, norm: bool = False) -> Floats:
        """The vector of a key, shape `[vector_size]`; of length 1 with `norm`."""
        vector: Floats = self.vectors[self.get_index(key)]
        if norm:
            vector = vector / np.float32(np.linalg.norm(vector))
        return vector

    def __getitem__(self, key: Key | Sequence[Key]) -> Floats:
        """The vector of a key, shape `[vector_size]`, or of several, shape `[n, vector_size]`."""
        if isinstance(key, (str, int, np.integer)):
            return self.get_vector(key)
        rows = [self.get_index(one) for one in key]
        return self.vectors[rows] if rows else np.zeros((0, self.vector_size), dtype=np.float32)

    def get_normed_vectors(self) -> Floats:
        """All vectors with length 1."""
        lengths = np.where(self.norms > 0, self.norms, 1)
        return cast(Floats, self.vectors / lengths[:, None])

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """An attribute of a key; `count` is how often it occurred in training (0: not known)."""
        name = self.index_to_key[self.get_index(key)]
        known = self._attributes.get(attr, {})
        if name in known:
            return known[name]
        if attr == "count":
            return self._count(self.get_index(key))
        raise KeyError(f"attribute {attr!r} is not set for {name!r}")

    @property
    def expandos(self) -> dict[str, npt.NDArray[Any]]:
        """The counts by row, in the place where gensim has them."""
        return {"count": np.array([self._count(row) for row in range(len(self))], dtype=np.int64)}

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Set an attribute of a key."""
        self._attributes.setdefault(attr, {})[self.index_to_key[self.get_index(key)]] = val

    def get_mean_vector(
        self,
        keys: Sequence[Asked],
        weights: Sequence[float] | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> Floats:
        """The weighted mean of the vectors of keys (or of vectors), shape `[vector_size]`."""
        if len(keys) == 0:
            raise ValueError("cannot compute mean with no input")
        given: list[float] = [1.0] * len(keys) if weights is None else [float(weight) for weight in weights]
        if len(given) != len(keys):
            raise ValueError(f"keys and weights have different lengths: {len(keys)} and {len(given)}")
        mean, total = np.zeros(self.vector_size, dtype=np.float32), 0.0
        for key, weight in zip(keys, given, strict=True):
            if isinstance(key, np.ndarray):
                vector = key.astype(np.float32)
            elif not isinstance(key, str) or key in self or not ignore_missing:
                vector = self.get_vector(key)
            else:
                continue
            if pre_normalize:
                vector = _unit(vector)
            mean += np.float32(weight) * vector
            total += abs(weight)
        if total > 0:
            mean /= np.float32(total)
        return _unit(mean) if post_normalize else mean

    # Questions.

    def most_similar(
        self,
        positive: Asked = None,
        negative: Asked = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> Any:
        """The keys nearest to the mean of `positive` less `negative`, by cosine: pairs of a key and its similarity.

        Each of them is a key, a vector, a pair of one of them and a weight, or a list of such. With `topn=None` the
        similarities of all keys are returned, shape `[len]`.
        """
        if topn is not None and topn < 1:
            return []
        terms = _terms(positive, 1.0) + _terms(negative, -1.0)
        if not terms:
            raise ValueError("positive and negative are empty, expected at least one key or vector")
        mean = self.get_mean_vector(
            [key for key, _ in terms],
            [weight for _, weight in terms],
            pre_normalize=True,
            post_normalize=True,
            ignore_missing=False,
        )
        asked = [self.get_index(key) for key, _ in terms if not isinstance(key, np.ndarray)]
        end = clip_end if restrict_vocab is None else restrict_vocab
        if topn is None or clip_start:
            scores = cast(Floats, self.get_normed_vectors()[clip_start:end] @ mean)
            if topn is None:
                return scores
            order = np.argsort(-scores, kind="stable") + clip_start
            rows = [int(row) for row in order if row not in asked][:topn]
            return [(self.index_to_key[row], float(scores[row - clip_start])) for row in rows]
        found = self._searched().neighbors_of_vector(
            mean.tolist(), int(topn), self._vectors, "cosine", asked, end
        )
        return [(answer["id"], answer["score"]) for answer in found]

    def most_similar_cosmul(
        self,
        positive: Asked = None,
        negative: Asked = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> list[tuple[str, float]]:
        """As `most_similar`, by 3CosMul (Levy and Goldberg 2014): products of shifted cosines."""
        terms = _terms(positive, 1.0) + _terms(negative, -1.0)
        if any(isinstance(key, np.ndarray) for key, _ in terms):
            raise ValueError("most_similar_cosmul takes keys only")
        rows = [(weight, self.get_index(key)) for key, weight in terms]
        asked = [row for _, row in rows]
        found = self._searched().combine(
            rows, int(topn), "3cosmul", self._vectors, "cosine", asked, restrict_vocab
        )
        return [(answer["id"], answer["score"]) for answer in found]

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """The keys nearest to a key."""
        return self.most_similar(positive=[key], topn=topn, restrict_vocab=restrict_vocab)

    similar_by_word = similar_by_key

    def similar_by_vector(
        self, vector: npt.ArrayLike, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """The keys nearest to a vector."""
        return self.most_similar(positive=[np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def similarity(self, w1: Key, w2: Key) -> float:
        """The cosine of two keys."""
        return _cosine(self.get_vector(w1), self.get_vector(w2))

    def distance(self, w1: Key, w2: Key) -> float:
        """1 less the cosine of two keys; exactly 0 of a key with itself."""
        return 0.0 if self.get_index(w1) == self.get_index(w2) else 1 - self.similarity(w1, w2)

    def distances(self, word_or_vector: Key | Floats, other_words: Sequence[Key] = ()) -> Floats:
        """1 less the cosine with other keys; with all, if there are none. Shape `[n]`."""
        if isinstance(word_or_vector, np.ndarray):
            vector = _unit(word_or_vector.astype(np.float32))
        else:
            vector = self.get_vector(word_or_vector, norm=True)
        others = self.get_normed_vectors()
        if len(other_words):
            others = others[[self.get_index(word) for word in other_words]]
        return cast(Floats, 1 - others @ vector)

    @staticmethod
    def cosine_similarities(vector_1: Floats, vectors_all: Floats) -> Floats:
        """The cosines of a vector with the rows of a matrix."""
        lengths = np.linalg.norm(vectors_all, axis=1) * np.linalg.norm(vector_1)
        return cast(Floats, vectors_all @ vector_1 / lengths)

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """The cosine of the means of two lists of keys."""
        if not (len(ws1) and len(ws2)):
            raise ZeroDivisionError("at least one of the lists is empty")
        first, second = (self.get_mean_vector(list(keys), pre_normalize=False, ignore_missing=False) for keys in (ws1, ws2))
        return _cosine(first, second)

    def doesnt_match(self, words: Sequence[Key]) -> str:
        """The key that is least like the others; unknown ones are left out."""
        known = [self.get_index(word) for word in words if not isinstance(word, str) or word in self]
        if not known:
            raise ValueError("none of the words is known")
        if len(known) < 3:
            # Of two neither is the odd one; as in gensim an answer is given all the same.
            return self.index_to_key[known[0]]
        return cast(str, self._searched().outlier(known, self._vectors)[0]["id"])

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """The one of some keys that is nearest to a key."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def closer_than(self, key1: Key, key2: Key) -> list[str]:
        """The keys that are nearer to `key1` than `key2` is."""
        distances, row = self.distances(key1), self.get_index(key1)
        closer = np.where(distances < distances[self.get_index(key2)])[0]
        return [self.index_to_key[int(other)] for other in closer if other != row]

    def rank(self, key1: Key, key2: Key) -> int:
        """The place of `key2` among the neighbours of `key1`, from 1."""
        return len(self.closer_than(key1, key2)) + 1

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """The similarity of two keys as a share of the sum of those of the `topn` nearest to the first."""
        nearest = self.similar_by_key(wa, topn)
        return self.similarity(wa, wb) / float(sum(score for _, score in nearest))

    # Changes.

    def add_vectors(
        self,
        keys: str | Sequence[Key],
        weights: npt.ArrayLike,
        extras: Mapping[str, Sequence[Any]] | None = None,
        replace: bool = False,
    ) -> None:
        """Add keys with their vectors, shape `[n, vector_size]`; those of known keys are replaced only with `replace`."""
        names = [keys] if isinstance(keys, (str, int)) else list(keys)
        rows = np.asarray(weights, dtype=np.float32).reshape(len(names), -1)
        if rows.shape[1] != self.vector_size:
            raise ValueError(f"weights have {rows.shape[1]} values, expected {self.vector_size}")
        index, ordered = dict(self.key_to_index), list(self.index_to_key)
        old = {index[str(name)]: at for at, name in enumerate(names) if str(name) in index}
        new = {str(name): at for at, name in enumerate(names) if str(name) not in index}
        counts = [self._count(row) for row in range(len(self))]
        matrix = np.concatenate([self.vectors, rows[list(new.values())]])
        if replace:
            for row, at in old.items():
                matrix[row] = rows[at]
        for key in new:
            index[key] = len(ordered)
            ordered.append(key)
        self._attributes.setdefault("count", {})
        for key, count in zip(ordered, counts, strict=False):
            self._attributes["count"].setdefault(key, count)
        self._rows, self._vectors, self._norms = None, "input", None
        self._matrix, self._keys, self._index = matrix, ordered, index
        for attr, values in (extras or {}).items():
            for name, value in zip(names, values, strict=True):
                self.set_vecattr(str(name), attr, value)

    def add_vector(self, key: Key, vector: npt.ArrayLike) -> int:
        """Add a key with its vector; returns its row."""
        self.add_vectors([key], np.asarray(vector).reshape(1, -1))
        return self.key_to_index[str(key)]

    def __setitem__(self, keys: Key | Sequence[Key], weights: npt.ArrayLike) -> None:
        """Add keys, or replace their vectors."""
        self.add_vectors([keys] if isinstance(keys, (str, int)) else keys, weights, replace=True)

    def unit_normalize_all(self) -> None:
        """Give all vectors the length 1; a view becomes a copy of its own."""
        normed = self.get_normed_vectors()
        self.add_vectors(self.index_to_key, normed, replace=True)

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """The vectors of those of some keys that are known."""
        del allow_inference
        known = [key for key in dict.fromkeys(str(key) for key in keys) if key in self]
        chosen = KeyedVectors(self.vector_size)
        chosen.add_vectors(known, self[known])
        for key in known if copy_vecattrs else ():
            chosen.set_vecattr(key, "count", self.get_vecattr(key, "count"))
            for attr, values in self._attributes.items():
                if key in values:
                    chosen.set_vecattr(key, attr, values[key])
        return chosen

    # Files.

    @classmethod
    def load_word2vec_format(
        cls,
        fname: Path,
        fvocab: Path | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        no_header: bool = False,
    ) -> KeyedVectors:
        """Read a file of word2vec.c, gensim, fastText (`.vec`) or GloVe (`no_header`).

        Args:
            fvocab: A file with the count of each key.
            limit: Read only so many keys.
        """
        if encoding.lower().replace("-", "") not in ("utf8", "ascii"):
            raise ValueError(f"encoding is {encoding!r}, expected 'utf8': convert the file first")
        if unicode_errors != "strict":
            raise ValueError(f"unicode_errors is {unicode_errors!r}, expected 'strict': mend the file first")
        name = "glove" if no_header else "word2vec-binary" if binary else "word2vec"
        vectors = cls._of(_vecinity.Embeddings.import_file(os.fspath(fname), name, limit), "input")
        if fvocab is not None:
            with open(fvocab, encoding="utf-8") as lines:
                for line in lines:
                    key, count = line.rsplit(maxsplit=1)
                    if key in vectors:
                        vectors.set_vecattr(key, "count", int(count))
        return vectors

    def save_word2vec_format(
        self, fname: Path, fvocab: Path | None = None, binary: bool = False, write_header: bool = True
    ) -> None:
        """Write a file that word2vec.c's tools and gensim read; `fvocab` gets the counts."""
        name = "word2vec-binary" if binary else "word2vec" if write_header else "glove"
        if binary and not write_header:
            raise ValueError("write_header is False, expected True for binary files")
        self._searched().export(os.fspath(fname), name, self._vectors)
        if fvocab is not None:
            with open(fvocab, "w", encoding="utf-8") as to:
                to.writelines(f"{key} {self.get_vecattr(key, 'count')}\n" for key in self.index_to_key)

    # Inside.

    def _find(self, key: str) -> int | None:
        if self._index is None and self._rows is not None:
            return self._rows.row(key)
        return self.key_to_index.get(key)

    def _count(self, row: int) -> int:
        known = self._attributes.get("count", {}).get(self.index_to_key[row])
        if known is not None:
            return int(known)
        if self._rows is None:
            return 0
        if self._counted is None:
            self._counted = self._rows.counts()
        return self._counted[row]

    def _searched(self) -> _vecinity.Embeddings:
        """What is searched: the model's, or what is made of the keys that were added."""
        if self._rows is None:
            counts = [self._count(row) for row in range(len(self))]
            flat = np.ascontiguousarray(self.vectors, dtype=np.float32).reshape(-1)
            self._rows = _vecinity.Embeddings.from_arrays(self.index_to_key, counts, flat, self.vector_size)
            self._counted = None
        return self._rows


def _cosine(a: Floats, b: Floats) -> float:
    first, second = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / lengths) if lengths > 0 else 0.0


def _unit(vector: Floats) -> Floats:
    length = np.float32(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def _terms(asked: Asked, sign: float) -> list[tuple[Any, float]]:
    """Keys or vectors with their weights."""
    if asked is None:
        return []
    if isinstance(asked, (str, int, np.integer)) or (isinstance(asked, np.ndarray) and asked.ndim == 1):
        asked = [asked]
    terms = []
    for term in asked:
        key, weight = term if isinstance(term, tuple) else (term, 1.0)
        terms.append((key, sign * float(weight)))
    return terms


__all__ = ["KeyedVectors"]
