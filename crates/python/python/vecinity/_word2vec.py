"""Word2Vec with gensim's arguments."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from vecinity._keyed_vectors import KeyedVectors
from vecinity._model import Model, load
from vecinity._options import Path
from vecinity._train import Callback, Progress, train

Sentences = Iterable[Iterable[str]]


class Word2Vec:
    """Word vectors, with the arguments of `gensim.models.Word2Vec`.

    `wv` are the vectors, `model` is the model with everything else: `model.model.why("a", "b")`, `model.model.save(...)`.

    What differs from gensim: the same seed gives the same vectors with `workers=1` only; a vocabulary cannot grow after
    training (`update=True`); `min_alpha`, `trim_rule`, `cbow_mean=0`, and `hs` together with `negative`, are refused.

    Args:
        sentences: Lists of tokens, or anything that yields them.
        corpus_file: A file of sentences instead, one a line.
        vector_size: Values in a vector (`dim`).
        alpha: Learning rate at the start (`learning_rate`).
        window: Tokens on either side that count as context.
        min_count: Leave out tokens that occur less often.
        sample: Relative frequency above which tokens are left out at random (`subsample`).
        workers: Threads (`threads`).
        sg: 1 for skip-gram, 0 for CBOW.
        hs: 1 for hierarchical softmax, 0 for negative sampling.
        negative: Noise tokens for each pair (`negatives`).
        ns_exponent: Noise is drawn with probability `count ** ns_exponent` (`noise_exponent`).
        max_final_vocab: Keep only so many of the most frequent tokens (`max_vocab`).
        shrink_windows: Draw the size of each window from 1 to `window`.
        callbacks: As those of `vecinity.train`.
        progress: As in `vecinity.train`.
        **more: Further settings of `vecinity.train`, such as `noise_sharing="window"`.
    """

    def __init__(
        self,
        sentences: Sentences | None = None,
        corpus_file: Path | None = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Callable[[Any], int] = hash,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: Callable[..., int] | None = None,
        sorted_vocab: int = 1,
        batch_words: int = 10000,
        compute_loss: bool = False,
        callbacks: Callback | Sequence[Callback] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        progress: Progress = "auto",
        **more: Any,
    ) -> None:
        del hashfxn, batch_words, comment  # They change nothing that is learned here.
        fixed: list[tuple[str, object, object]] = [
            ("max_vocab_size", max_vocab_size, None),
            ("min_alpha", min_alpha, 0.0001),
            ("cbow_mean", cbow_mean, 1),
            ("null_word", null_word, 0),
            ("trim_rule", trim_rule, None),
            ("sorted_vocab", sorted_vocab, 1),
        ]
        for name, value, only in fixed:
            if value != only:
                raise ValueError(f"{name} is {value!r}, expected {only!r}: nothing else is supported")
        self.vector_size, self.window, self.min_count, self.epochs = vector_size, window, min_count, epochs
        self.sg, self.hs, self.negative, self.workers, self.seed = sg, hs, negative, workers, seed
        self.alpha, self.sample, self.ns_exponent = alpha, sample, ns_exponent
        self.max_final_vocab, self.shrink_windows, self.compute_loss = max_final_vocab, shrink_windows, compute_loss
        self.corpus_count = self.corpus_total_words = 0
        self.model: Model | None = None
        for old, new in (("size", "vector_size"), ("iter", "epochs")):
            if old in more:
                raise TypeError(f"{old} is given, expected {new}: gensim calls it so since version 4")
        self._callbacks = [callbacks] if callable(callbacks) else list(callbacks)
        self._progress, self._more = progress, more
        self._untrained: KeyedVectors | None = None
        self._loss = 0.0
        if sentences is not None and corpus_file is not None:
            raise TypeError("sentences and corpus_file are both given, expected one of them")
        if sentences is not None or corpus_file is not None:
            self._train(sentences, corpus_file, epochs)

    @property
    def wv(self) -> KeyedVectors:
        """The vectors."""
        if self.model is not None:
            return self.model.input
        if self._untrained is None:
            raise RuntimeError("there are no vectors yet: pass sentences, or call build_vocab and train")
        return self._untrained

    @wv.setter
    def wv(self, vectors: KeyedVectors) -> None:
        self._untrained = vectors

    @property
    def syn1neg(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The output vectors of negative sampling, shape `[len, vector_size]`."""
        if self.hs:
            raise RuntimeError("the model has no output vectors of tokens: hs is 1")
        if self.model is None:
            return np.zeros_like(self.wv.vectors)
        return self.model.vectors("output")

    def build_vocab(self, corpus_iterable: Sentences | None = None, corpus_file: Path | None = None) -> None:
        """Count the tokens; their vectors are what training starts from until `train` is called."""
        counts: Counter[str] = Counter()
        self.corpus_count = self.corpus_total_words = 0
        for sentence in self._sentences(corpus_iterable, corpus_file):
            before = counts.total()
            counts.update(sentence)
            self.corpus_count += 1
            self.corpus_total_words += counts.total() - before
        kept = [(key, count) for key, count in counts.items() if count >= self.min_count]
        kept.sort(key=lambda entry: (-entry[1], entry[0]))
        kept = kept[: self.max_final_vocab]
        if not kept:
            most = max(counts.values(), default=0)
            raise RuntimeError(f"no token occurs min_count = {self.min_count} times; the largest count is {most}")
        chance = np.random.default_rng(self.seed).random((len(kept), self.vector_size), dtype=np.float32)
        self._untrained = KeyedVectors(self.vector_size)
        self._untrained.add_vectors(
            [key for key, _ in kept],
            (chance - 0.5) / self.vector_size,
            extras={"count": [count for _, count in kept]},
        )

    def train(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: Path | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        compute_loss: bool = False,
        **more: Any,
    ) -> tuple[int, int]:
        """Train, from the start; returns the tokens learned from and the tokens seen, over all epochs."""
        del total_examples, total_words  # Counted here.
        self._more |= more
        self.compute_loss |= compute_loss
        self._train(corpus_iterable, corpus_file, self.epochs if epochs is None else epochs)
        assert self.model is not None
        seen = self.model.manifest["origin"]["corpus_tokens"] * (epochs or self.epochs)
        return seen, seen

    def get_latest_training_loss(self) -> float:
        """The loss of a pair, as last seen."""
        return self._loss

    def predict_output_word(self, context_words_list: Sequence[str | int], topn: int = 10) -> list[tuple[str, float]] | None:
        """The tokens that are likeliest amid some context, with their chances; `None` if no word of it is known."""
        wv = self.wv
        if self.model is None:
            raise RuntimeError("the model is not trained yet")
        rows = [wv.get_index(word) for word in context_words_list if not isinstance(word, str) or word in wv]
        if not rows:
            return None
        mean = wv.vectors[rows].mean(axis=0)
        scores = self.syn1neg @ mean
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        return [(wv.index_to_key[int(row)], float(chances[row])) for row in np.argsort(-chances)[:topn]]

    def save(self, fname: Path) -> None:
        """Write the model folder."""
        if self.model is None:
            raise RuntimeError("the model is not trained yet")
        self.model.save(fname)

    @classmethod
    def load(cls, fname: Path) -> Word2Vec:
        """Open a model folder of words."""
        model = load(fname)
        data, train, settings = ((model.config or {}).get(name, {}) for name in ("data", "train", "model"))
        self = cls(
            vector_size=model.dim,
            window=settings.get("window", 5),
            sg=int(settings.get("model", "skipgram") == "skipgram"),
            hs=int(settings.get("loss") == "hs"),
            negative=settings.get("negatives", 5),
            ns_exponent=settings.get("noise_exponent", 0.75),
            shrink_windows=settings.get("shrink_windows", True),
            min_count=data.get("min_count", 5),
            max_final_vocab=data.get("max_vocab"),
            alpha=train.get("learning_rate", 0.025),
            sample=train.get("subsample", 1e-3),
            workers=train.get("threads", 3),
            epochs=train.get("epochs", 5),
            seed=train.get("seed", 1),
        )
        self.model = model
        return self

    def __repr__(self) -> str:
        known = len(self.wv) if self.model is not None or self._untrained is not None else 0
        return f"Word2Vec<vocab={known}, vector_size={self.vector_size}, alpha={self.alpha}>"

    __str__ = __repr__

    def _options(self, epochs: int) -> dict[str, Any]:
        if self.hs and self.negative and "negative" in self._more:
            raise ValueError("hs and negative are both given, expected one of them")
        options: dict[str, Any] = {
            "kind": "text",
            "model": "skipgram" if self.sg else "cbow",
            "loss": "hs" if self.hs else "ns",
            "dim": self.vector_size,
            "learning_rate": self.alpha,
            "window": self.window,
            "min_count": self.min_count,
            "subsample": self.sample,
            "epochs": epochs,
            "threads": self.workers,
            "seed": self.seed,
            "max_vocab": self.max_final_vocab,
            "fixed_window": not self.shrink_windows,
        }
        if not self.hs:
            options |= {"negatives": self.negative, "noise_exponent": self.ns_exponent}
        return options | self._more

    def _train(self, sentences: Sentences | None, corpus_file: Path | None, epochs: int) -> None:
        if (sentences is None) == (corpus_file is None):
            raise TypeError("expected either sentences or corpus_file")
        if self.hs == 0 and self.negative == 0:
            raise ValueError("hs and negative are 0, expected one of them above: there is nothing to learn by")

        def remember(event: dict[str, Any]) -> None:
            self._loss = event.get("loss") or self._loss

        callbacks = [*self._callbacks, remember] if self._callbacks or self.compute_loss else []
        data = corpus_file if sentences is None else sentences
        try:
            self.model = train(data, progress=self._progress, callbacks=callbacks, **self._options(epochs))
        except ValueError as error:
            if "nothing to read" in str(error) or "tokens occur >=" in str(error):
                # As gensim says it.
                raise RuntimeError(str(error)) from None
            raise
        origin = self.model.manifest["origin"]
        self.corpus_count, self.corpus_total_words = origin["sequences"], origin["corpus_tokens"]
        self.epochs = epochs

    def _sentences(self, sentences: Sentences | None, corpus_file: Path | None) -> Iterable[Iterable[str]]:
        if corpus_file is None:
            if sentences is None:
                raise TypeError("expected either sentences or corpus_file")
            yield from sentences
            return
        with open(os.fspath(corpus_file), encoding="utf-8") as lines:
            for line in lines:
                yield line.split()


__all__ = ["Word2Vec"]
