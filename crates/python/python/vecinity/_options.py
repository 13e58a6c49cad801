"""The settings of a training: those of `vecinity train --help`, by the same names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict

Path = str | os.PathLike[str]
Kind = Literal["text", "sequence", "set", "graph"]
Vectors = Literal["input", "output", "sum", "concat", "in-out"]
Metric = Literal["cosine", "dot", "euclidean"]
Method = Literal["3cosadd", "3cosmul"]
Duration = float | str | timedelta


class Options(TypedDict, total=False):
    """Settings of a training; what is left out has a default that depends on the kind of data."""

    config: Path
    """A file of settings; arguments go before it."""
    kind: Kind
    """What the data is; found out if absent."""
    metadata: Any
    """Titles and fields of the tokens: a file, or a table, with a column `id`."""

    # Learning.
    model: Literal["skipgram", "cbow", "youtube"]
    loss: Literal["ns", "hs", "full", "sampled", "in-batch", "mixed", "gbce"]
    dim: int
    window: int | Literal["all"]
    fixed_window: bool
    directed: bool
    negatives: int
    noise_exponent: float
    noise_sharing: Literal["pair", "window", "wide"]
    cbow_gradient: Literal["undivided", "true"]
    largest_set: int
    subsample: float
    min_count: int
    epochs: int | Literal["auto"]
    learning_rate: float
    threads: int
    seed: int

    # Networks.
    history: int
    pools: int
    attention: bool
    mean: bool
    last: bool
    hidden: Sequence[int] | str
    activation: Literal["relu", "identity", "sigmoid", "tanh"]
    dropout: float
    item_dropout: float
    features: Sequence[str] | str
    example_age: bool
    strictly_earlier: bool
    item_features: Sequence[str] | str
    words: int
    user_metadata: Any
    tied: bool
    temperature: float
    per_owner: int
    batch: int
    weight_decay: float
    clip: float

    # Items made of their fields; walks over graphs.
    item_weights: Literal["equal", "learned"]
    walks: int
    walk_length: int
    p: float
    q: float
    directed_edges: bool

    # Text.
    max_vocab: int
    tokens: Literal["whitespace", "words", "chinese"]
    lowercase: bool
    encoding: str
    bad_utf8: Literal["fail", "skip", "replace"]
    phrases: Path

    # Events.
    format: Literal["csv", "tsv", "jsonl", "parquet", "lines"]
    columns: Mapping[str, str] | str
    events: Sequence[str] | str
    session_gap: Duration
    global_context: str
    goal_weight: float
    local_negatives: str
    reject: str
    reject_weight: float
    min_dwell: Duration
    oversample: int
    market_negatives: int
    repeats: Literal["first", "collapse", "keep"]
    weighted: bool
    bad_rows: str
    memory_limit: int

    # Judging.
    holdout: str
    baselines: Sequence[str] | str
    patience: int
    no_blend: bool
    no_refit: bool


ELSEWHERE = {
    "alpha": "learning_rate",
    "embedding_dim": "dim",
    "factors": "dim",
    "iter": "epochs",
    "iterations": "epochs",
    "lr": "learning_rate",
    "max_final_vocab": "max_vocab",
    "n_jobs": "threads",
    "negative": "negatives",
    "ns_exponent": "noise_exponent",
    "num_threads": "threads",
    "random_state": "seed",
    "sample": "subsample",
    "sg": "model",
    "size": "dim",
    "vector_size": "dim",
    "workers": "threads",
}
"""What other tools call some of the settings."""


def plain(value: Any) -> Any:
    """A value as the library reads it: paths and lengths of time written out, NumPy's numbers as Python's."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    return value
