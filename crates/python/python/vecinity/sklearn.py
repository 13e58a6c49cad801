"""Estimators for scikit-learn: `Item2Vec` and `Word2Vec`.

>>> from vecinity.sklearn import Word2Vec
>>> texts = [["the", "cat", "sat"], ["the", "dog", "sat"]] * 10
>>> Word2Vec(dim=8, min_count=1, epochs=1, threads=1).fit_transform(texts).shape
(20, 8)

`X` is a list of lists of tokens (`str` or `int`). `transform` gives one row a list, so that the estimators stand in pipelines
before any classifier; `score` is what a grid search of `Item2Vec` compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from vecinity._model import Model, Recommendations
from vecinity._train import train

if TYPE_CHECKING:
    from typing_extensions import Self

Lists = Iterable[Iterable[str | int]]
Floats = npt.NDArray[np.float32]


class _Vectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What both estimators have in common."""

    model_: Model

    def __init__(
        self,
        dim: int | None,
        model: str | None,
        negatives: int | None,
        min_count: int | None,
        epochs: int | str | None,
        learning_rate: float | None,
        threads: int | None,
        seed: int | None,
        options: Mapping[str, Any] | None,
    ) -> None:
        # Parameters as scikit-learn wants them: kept as they are, looked at by `fit`, and named again by each estimator.
        self.dim = dim
        self.model = model
        self.negatives = negatives
        self.min_count = min_count
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.threads = threads
        self.seed = seed
        self.options = options

    def fit(self, X: Lists, y: object = None) -> Self:
        """Train on lists of tokens; `y` is not looked at."""
        del y
        lists = _listed(X)
        options = {name: value for name, value in self.get_params(deep=False).items() if value is not None}
        options |= options.pop("options", {})
        self.model_ = train(lists, progress="none", **options)
        self.n_features_out_ = self.model_.dim
        return self

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """The names of the columns of `transform`."""
        del input_features
        check_is_fitted(self)
        name = type(self).__name__.lower()
        return np.array([f"{name}{column}" for column in range(self.model_.dim)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        return tags


class Word2Vec(_Vectors):
    """Word vectors; a text is the mean of its words.

    Args:
        dim, window, ...: As in `vecinity.train`; `None` is its default.
        options: Further settings of `vecinity.train`.

    Attributes:
        model_: The `vecinity.Model`.
    """

    def __init__(
        self,
        *,
        dim: int | None = None,
        model: str | None = None,
        window: int | None = None,
        negatives: int | None = None,
        min_count: int | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        subsample: float | None = None,
        threads: int | None = None,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(dim, model, negatives, min_count, epochs, learning_rate, threads, seed, options)
        self.window = window
        self.subsample = subsample

    def fit(self, X: Lists, y: object = None) -> Self:
        """Train on lists of tokens; `y` is not looked at."""
        return super().fit(X, y)

    def transform(self, X: Lists) -> Floats:
        """The mean of the vectors of each list, shape `[lists, dim]`; zeros where no token is known."""
        check_is_fitted(self)
        lists, vectors = _listed(X), self.model_.vectors()
        found = np.zeros((len(lists), self.model_.dim), dtype=np.float32)
        row = self.model_.input._find
        for number, tokens in enumerate(lists):
            rows = [at for at in (row(str(token)) for token in tokens) if at is not None]
            if rows:
                found[number] = vectors[rows].mean(axis=0)
        return found


class Item2Vec(_Vectors):
    """Vectors of items that are together in baskets, or follow each other in histories (`kind="sequence"`).

    Args:
        kind: `set` (order means nothing) or `sequence`.
        dim, window, ...: As in `vecinity.train`; `None` is its default.
        holdout: What is held out to choose how the model is asked, and to measure it.
        options: Further settings of `vecinity.train`.

    Attributes:
        model_: The `vecinity.Model`.
    """

    def __init__(
        self,
        *,
        kind: str = "set",
        dim: int | None = None,
        model: str | None = None,
        negatives: int | None = None,
        noise_exponent: float | None = None,
        min_count: int | None = None,
        epochs: int | str | None = None,
        learning_rate: float | None = None,
        holdout: str | None = None,
        threads: int | None = None,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(dim, model, negatives, min_count, epochs, learning_rate, threads, seed, options)
        self.kind = kind
        self.noise_exponent = noise_exponent
        self.holdout = holdout

    def fit(self, X: Lists, y: object = None) -> Self:
        """Train on lists of items; `y` is not looked at."""
        return super().fit(X, y)

    def transform(self, X: Lists) -> Floats:
        """The vectors of users after these histories, shape `[lists, d]`; zeros where no item is known."""
        check_is_fitted(self)
        return np.array(self.model_.user_vectors(_listed(X)))

    def predict(self, X: Lists, k: int = 10) -> list[Recommendations]:
        """The `k` recommendations after each history."""
        check_is_fitted(self)
        return self.model_.recommend_many(_listed(X), k)

    def score(self, X: Lists, y: object = None) -> float:
        """The share of histories whose last item is among the ten recommended after the others (HR@10)."""
        del y
        check_is_fitted(self)
        asked = [history for history in _listed(X) if len(history) > 1]
        found = self.model_.recommend_many([history[:-1] for history in asked])
        hits = [any(item.id == str(history[-1]) for item in answer) for history, answer in zip(asked, found, strict=True)]
        return float(np.mean(hits)) if hits else 0.0


def _listed(lists: Lists) -> list[Sequence[str | int]]:
    """All lists, once."""
    listed: list[Sequence[str | int]] = []
    for number, tokens in enumerate(lists):
        if isinstance(tokens, str):
            raise TypeError(f"X[{number}] is the str {tokens!r}, expected a list of tokens: [text.split() for text in X]")
        listed.append(tokens if isinstance(tokens, (list, tuple)) else list(tokens))
    if not listed:
        raise ValueError("X is empty, expected at least one list of tokens")
    return listed


__all__ = ["Item2Vec", "Word2Vec"]
