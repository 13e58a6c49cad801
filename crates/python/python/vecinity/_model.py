"""A trained model: neighbours, recommendations, vectors, figures."""

from __future__ import annotations

import operator
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from vecinity import _vecinity
from vecinity._keyed_vectors import KeyedVectors
from vecinity._options import Method, Metric, Path, Vectors

if TYPE_CHECKING:
    import pandas
    import torch

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Neighbor:
    """A token that answers a question."""

    id: str
    score: float
    """What the metric says: larger is nearer, but for `euclidean`."""
    count: int
    """How often the token occurred in training."""
    title: str | None = None


@dataclass(frozen=True)
class Reason:
    """What speaks for a recommendation."""

    id: str | None
    """An item of the history; `None` is the popularity of the recommended item itself."""
    share: float
    """Its share of the score above that of an average item; all shares add to 1."""


@dataclass(frozen=True)
class Recommendation:
    """A recommended item."""

    id: str
    score: float
    metadata: dict[str, str] = field(default_factory=dict)
    """What is known about it."""
    reasons: list[Reason] = field(default_factory=list)
    """Why, what weighs most first."""


@dataclass(frozen=True)
class Context:
    """A context that two tokens share."""

    id: str
    score: float
    """The smaller of the two lifts, 0 to 1."""
    first: float
    second: float


class Recommendations(list[Recommendation]):
    """A list of recommendations, the best first."""

    def __init__(self, items: Iterable[Recommendation], unknown: Sequence[str] = (), fallback: str | None = None) -> None:
        super().__init__(items)
        self.unknown = list(unknown)
        """What of the history the model does not know."""
        self.fallback = fallback
        """`popular` if the history says nothing: then these are the most frequent items."""

    def to_pandas(self) -> pandas.DataFrame:
        """A table with the columns `id`, `score` and those of the metadata."""
        import pandas

        return pandas.DataFrame([{"id": item.id, "score": item.score, **item.metadata} for item in self])


def load(path: Path) -> Model:
    """Open a model folder, after checking every byte of it.

    Raises:
        ModelError: The folder is damaged or incomplete (it is also a `ValueError`).
        FileNotFoundError: There is nothing of this name.
        ValueError: It is no model.
    """
    return Model(_vecinity.Model.open(os.fspath(path)))


class Model:
    """A trained model, as `train` and `load` return it."""

    def __init__(self, model: _vecinity.Model) -> None:
        self._model = model
        self._embeddings = model.embeddings
        # Kept for as long as the model is: the folder of a model that nobody has saved.
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    # What it is.

    @property
    def path(self) -> FilePath:
        """The folder that it was read from."""
        return FilePath(self._model.path)

    @property
    def dim(self) -> int:
        """Values in an input vector."""
        return self._embeddings.dim

    @cached_property
    def tokens(self) -> list[str]:
        """All tokens, by row: falling counts."""
        return self._embeddings.tokens()

    @cached_property
    def counts(self) -> npt.NDArray[np.uint64]:
        """How often each token occurred in training, shape `[len]`."""
        return np.array(self._embeddings.counts(), dtype=np.uint64)

    @property
    def config(self) -> dict[str, Any] | None:
        """The settings it was trained with; `None` if it was imported."""
        config: dict[str, Any] | None = self._model.config
        return config

    @property
    def manifest(self) -> dict[str, Any]:
        """What it is: origin, sizes, checksums."""
        manifest: dict[str, Any] = self._model.manifest
        return manifest

    @property
    def recipe(self) -> str:
        """How it is asked for recommendations, in words."""
        return self._model.recipe

    def __len__(self) -> int:
        return len(self._embeddings)

    def __contains__(self, token: object) -> bool:
        return isinstance(token, (str, SupportsIndex)) and self._embeddings.row(_token(token)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __repr__(self) -> str:
        return f"<vecinity.Model {os.fspath(self.path)!r}: {len(self):,} tokens, dim {self.dim}>"

    # Vectors.

    @cached_property
    def input(self) -> KeyedVectors:
        """The input vectors, with gensim's names."""
        return KeyedVectors._of(self._embeddings, "input")

    @cached_property
    def output(self) -> KeyedVectors:
        """The output vectors, with gensim's names."""
        return KeyedVectors._of(self._embeddings, "output")

    def vectors(self, vectors: Vectors = "input") -> Floats:
        """A matrix, shape `[len, d]`, read-only. `input` and `output` are the mapped file itself, without a copy."""
        return np.asarray(self._embeddings.matrix(vectors))

    def vector(self, token: str | int, vectors: Vectors = "input") -> Floats:
        """The vector of a token or title, shape `[d]`, read-only."""
        row: Floats = self.vectors(vectors)[self._row(token)]
        return row

    # Questions.

    def neighbors(
        self, token: str | int | npt.ArrayLike, k: int = 10, *, vectors: Vectors = "input", metric: Metric = "cosine"
    ) -> list[Neighbor]:
        """The tokens nearest to a token, a title, or a vector of shape `[d]`.

        Raises:
            KeyError: The token is unknown; the text has what it may mean.
        """
        if isinstance(token, (str, SupportsIndex)) and np.ndim(token) == 0:
            row = self._row(token)
            found = self._embeddings.neighbors(row, _limit(k), vectors, metric, [row])
        else:
            vector = np.asarray(token)
            if vector.dtype.kind not in "fiu":
                what = f"token is {token!r}, expected one token, or a vector; an expression asks for several: "
                raise TypeError(what + "query('france + germany')")
            found = self._embeddings.neighbors_of_vector(vector.tolist(), _limit(k), vectors, metric, [])
        return [Neighbor(**answer) for answer in found]

    def query(
        self,
        expression: str,
        k: int = 10,
        *,
        method: Method = "3cosadd",
        vectors: Vectors = "input",
        metric: Metric = "cosine",
    ) -> list[Neighbor]:
        """The tokens nearest to an expression such as `king - man + woman`; its own tokens are left out."""
        found = self._embeddings.query(expression, _limit(k), method, vectors, metric)
        return [Neighbor(**answer) for answer in found]

    def similarity(self, a: str | int, b: str | int, *, vectors: Vectors = "input", metric: Metric = "cosine") -> float:
        """How alike two tokens are."""
        return self._embeddings.similarity(self._row(a), self._row(b), vectors, metric)

    def outlier(self, tokens: Sequence[str | int], *, vectors: Vectors = "input") -> list[Neighbor]:
        """The tokens by their mean cosine to the others: the odd one out first."""
        rows = [self._row(token) for token in tokens]
        return [Neighbor(**answer) for answer in self._embeddings.outlier(rows, vectors)]

    def why(self, a: str | int, b: str | int, k: int = 10) -> list[Context]:
        """The contexts that make two tokens near, read from both matrices, the strongest first."""
        return [Context(*reason) for reason in self._embeddings.why(self._row(a), self._row(b), _limit(k))]

    def metadata(self, token: str | int) -> dict[str, str]:
        """The fields of a token or title."""
        fields: dict[str, str] = self._embeddings.fields(self._row(token))
        return fields

    def _row(self, token: str | int) -> int:
        """The row of a token or title."""
        return self._embeddings.resolve(_token(token))

    # Recommendations.

    def recommend(
        self,
        history: Sequence[str | int],
        k: int = 10,
        *,
        where: Mapping[str, Any] | Sequence[str] | str | None = None,
        filter: Mapping[str, Any] | None = None,
        exclude: Sequence[str | int] = (),
        include_history: bool = False,
        diversity: float = 0.0,
        reasons: bool = True,
        context: Mapping[str, Any] | None = None,
    ) -> Recommendations:
        """What to recommend after a history, by the recipe that validation chose.

        Args:
            history: Ids or titles, oldest first. What is unknown is left out and listed in `.unknown`; if nothing is
                known, what is popular is recommended.
            k: At most so many.
            where: What listed items must fulfil: `{"genre": "Sci-Fi", "year": [1979, 1982]}` (a list: one of these), or
                conditions as text, such as `["genre=Sci-Fi", "year>=1979"]`.
            filter: A filter in Qdrant's form: `{"must": [...], "should": [...], "must_not": [...]}`.
            exclude: Never list these.
            include_history: List items of the history too.
            diversity: 0 is by score alone; towards 1, items like those already listed are put back.
            reasons: Whether reasons are given.
            context: What else is known of the user, for networks that read it.
        """
        if isinstance(history, str):
            raise TypeError(f"history is the str {history!r}, expected a list of ids: [{history!r}]")
        return self.recommend_many(
            [history],
            k,
            where=where,
            filter=filter,
            exclude=exclude,
            include_history=include_history,
            diversity=diversity,
            reasons=reasons,
            context=context,
        )[0]

    def recommend_many(
        self,
        histories: Iterable[Sequence[str | int]],
        k: int = 10,
        *,
        where: Mapping[str, Any] | Sequence[str] | str | None = None,
        filter: Mapping[str, Any] | None = None,
        exclude: Sequence[str | int] = (),
        include_history: bool = False,
        diversity: float = 0.0,
        reasons: bool = False,
        context: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> list[Recommendations]:
        """Recommendations after each of many histories, on all cores; see `recommend`."""
        must, any_of = _conditions(where)
        whole = dict(filter or {})
        if any_of:
            inner = whole.get("must", [])
            whole["must"] = [*(inner if isinstance(inner, list) else [inner]), *any_of]
        asked = {
            "limit": _limit(k),
            "must": must,
            "filter": whole or None,
            "exclude": [_token(item) for item in exclude],
            "include_history": include_history,
            "diversity": float(diversity),
            "reasons": reasons,
            "context": _context(context),
            "threads": threads or os.cpu_count() or 1,
        }
        found = self._model.recommend(_histories(histories), asked)
        return [_recommendations(answer) for answer in found]

    def user_vector(self, history: Sequence[str | int], *, context: Mapping[str, Any] | None = None) -> Floats:
        """The vector of a user after a history, shape `[d]`."""
        vector: Floats = self.user_vectors([history], context=context)[0]
        return vector

    def user_vectors(
        self, histories: Iterable[Sequence[str | int]], *, context: Mapping[str, Any] | None = None
    ) -> Floats:
        """The vectors of users after their histories, shape `[users, d]`; zeros where no item is known."""
        return np.asarray(self._model.user_vectors(_histories(histories), _context(context)))

    # Figures.

    def evaluate(
        self,
        *,
        analogies: Path | Sequence[Path] = (),
        similarity: Path | Sequence[Path] = (),
        vectors: Vectors = "input",
        restrict: int = 30_000,
        keep_case: bool = False,
    ) -> dict[str, Any]:
        """How good the model is.

        Without files: what was measured on held-out events when a model of items was trained, beside the baselines
        (`rows`, `verdict`, ...). With files: analogies (four words a line) and similarity sets (two words and a score a
        line), with 95 % intervals.
        """
        questions, pairs = _paths(analogies), _paths(similarity)
        if questions or pairs:
            found: dict[str, Any] = self._model.evaluate_words(questions, pairs, vectors, restrict, keep_case)
            return found
        evaluation: dict[str, Any] | None = self._model.evaluation
        if evaluation is None:
            raise ValueError(
                "the model holds no measurements of items: pass analogies or similarity for words; "
                "items are measured by training, unless holdout='none'"
            )
        return evaluation

    # Handing on.

    def save(self, path: Path) -> None:
        """Write the model to another folder, whole or not at all."""
        self._model.save(os.fspath(path))

    def export(self, path: Path, format: str = "word2vec", *, vectors: Vectors | None = None) -> None:
        """Write the vectors to a file: `word2vec`, `word2vec-binary`, `glove`, `npy`, `safetensors`, `parquet`, `projector`."""
        self._embeddings.export(os.fspath(path), format, vectors)

    def to_pandas(self, vectors: Vectors = "input") -> pandas.DataFrame:
        """A table of one row a token (its index), with `dim` columns."""
        import pandas

        return pandas.DataFrame(self.vectors(vectors), index=pandas.Index(self.tokens, name="id"))

    def to_numpy(self, vectors: Vectors = "input", *, padding: bool = False) -> Floats:
        """A matrix of its own, shape `[len, d]`. With `padding` row 0 is zeros and token `r` is row `r + 1`."""
        matrix = self.vectors(vectors)
        return np.concatenate([np.zeros_like(matrix[:1]), matrix]) if padding else np.array(matrix)

    def to_torch_embedding(
        self, vectors: Vectors = "input", *, padding: bool = False, freeze: bool = True
    ) -> torch.nn.Embedding:
        """A `torch.nn.Embedding` with the vectors. With `padding` row 0 is `padding_idx` and token `r` is row `r + 1`."""
        import torch

        weights = torch.from_numpy(self.to_numpy(vectors, padding=padding))
        return torch.nn.Embedding.from_pretrained(weights, freeze=freeze, padding_idx=0 if padding else None)

    def __reduce__(self) -> tuple[Any, ...]:
        folder = self.path
        return _unpack, (folder.name, {file.name: file.read_bytes() for file in sorted(folder.iterdir())})


def _unpack(name: str, files: dict[str, bytes]) -> Model:
    """A model from the bytes of its files, in a temporary folder."""
    temporary = tempfile.TemporaryDirectory(prefix="vecinity-")
    folder = FilePath(temporary.name, name)
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_bytes(content)
    model = load(folder)
    model._temporary = temporary
    return model


def _recommendations(answer: dict[str, Any]) -> Recommendations:
    items = (
        Recommendation(
            item["id"],
            item["score"],
            item["metadata"],
            [Reason(**reason) for reason in item.get("reasons") or []],
        )
        for item in answer["results"]
    )
    return Recommendations(items, answer["unknown"], answer["fallback"])


def _histories(histories: Iterable[Sequence[str | int]]) -> list[list[str]]:
    listed = []
    for number, history in enumerate(histories):
        if isinstance(history, str):
            raise TypeError(f"history {number} is the str {history!r}, expected a list of ids: [{history!r}]")
        listed.append([_token(item) for item in history])
    return listed


def _token(token: object) -> str:
    """A token as the model knows it: whole numbers are learned as they are written."""
    if isinstance(token, str):
        return token
    if isinstance(token, SupportsIndex):
        return str(operator.index(token))
    raise TypeError(f"the token {token!r} is a {type(token).__name__}, expected a str or an int")


def _limit(k: int) -> int:
    if int(k) < 0:
        raise ValueError(f"k is {k}, expected 0 or more")
    return int(k)


def _context(context: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in (context or {}).items()]


def _conditions(where: Mapping[str, Any] | Sequence[str] | str | None) -> tuple[list[str], list[dict[str, Any]]]:
    """Conditions as text, and as parts of a filter."""
    if where is None:
        return [], []
    if isinstance(where, str):
        return [where], []
    if not isinstance(where, Mapping):
        return list(where), []
    conditions = []
    for name, value in where.items():
        several = isinstance(value, (list, tuple, set, frozenset))
        conditions.append({"key": name, "match": {"any": list(value)} if several else {"value": value}})
    return [], conditions


def _paths(paths: Path | Sequence[Path]) -> list[str]:
    if isinstance(paths, (str, os.PathLike)):
        return [os.fspath(paths)]
    return [os.fspath(path) for path in paths]


__all__ = ["Context", "Model", "Neighbor", "Reason", "Recommendation", "Recommendations", "load"]
