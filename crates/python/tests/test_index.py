"""Nearest neighbours of arrays."""

from __future__ import annotations

import numpy as np
import pytest

from vecinity import Index


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Clustered, as embeddings are."""
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(50, 24))
    return (centres[chance.integers(50, size=6000)] + 0.4 * chance.normal(size=(6000, 24))).astype(np.float32)


def exact(vectors: np.ndarray, queries: np.ndarray, metric: str, k: int) -> np.ndarray:
    if metric == "euclidean":
        scores = -np.linalg.norm(queries[:, None] - vectors[None], axis=2)
    else:
        of = (lambda m: m / np.linalg.norm(m, axis=1, keepdims=True)) if metric == "cosine" else (lambda m: m)
        scores = of(queries) @ of(vectors).T
    return np.argsort(-scores, axis=1)[:, :k]


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_the_nearest_are_found(vectors, metric):
    index = Index(metric, recall=0.95)
    index.add(vectors)
    queries = vectors[:100] + 0.01
    keys, scores = index.search(queries, 10)
    assert keys.shape == scores.shape == (100, 10) and keys.dtype == np.int64 and scores.dtype == np.float32
    truth = exact(vectors, queries, metric, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(keys, truth, strict=True)])
    assert recall > 0.9, recall
    order = np.sort(scores, axis=1) if metric == "euclidean" else -np.sort(-scores, axis=1)
    assert np.array_equal(scores, order)
    one, _ = index.search(queries[0], 10)
    assert np.array_equal(one, keys[0])
    serial = Index(metric, recall=0.95, threads=1)
    serial.add(vectors)
    assert np.array_equal(serial.search(queries, 10)[0], keys), "threads change nothing"


def test_vectors_are_added_replaced_deleted_and_seen_at_once(vectors):
    index = Index()
    index.add(vectors[:1000], keys=np.arange(1000) * 2)
    index.add(vectors[1000:1100])
    assert len(index) == 1100 and 1999 in index and 1 not in index
    assert index.search(vectors[1005], 1)[0].tolist() == [2004], "keys are numbered on"
    index.add(-vectors[:1], keys=[0])
    assert len(index) == 1100 and index.search(-vectors[0], 1)[0].tolist() == [0]
    index.delete([2004, 7])
    assert 2004 not in index and index.search(vectors[1005], 1)[0].tolist() != [2004]
    index.merge()
    assert len(index) == 1099 and index.search(-vectors[0], 1)[0].tolist() == [0]


def test_only_some_keys_may_be_found(vectors):
    index = Index()
    index.add(vectors)
    allowed = np.arange(0, 6000, 1000)
    keys, scores = index.search(vectors[:3], 10, keys=allowed)
    assert set(keys[:, :6].ravel().tolist()) == set(allowed.tolist())
    assert (keys[:, 6:] == -1).all() and np.isnan(scores[:, 6:]).all()


def test_an_index_is_saved_and_loaded(vectors, tmp_path):
    index = Index("euclidean")
    index.add(vectors[:2000])
    index.add(vectors[2000:2010], keys=np.arange(9000, 9010))
    index.save(tmp_path / "a.index")
    for read_only in (True, False):
        copy = Index.load(tmp_path / "a.index", read_only=read_only)
        assert len(copy) == 2010 and copy.metric == "euclidean" and copy.dim == 24
        for ours, theirs in zip(copy.search(vectors[:9], 3), index.search(vectors[:9], 3), strict=True):
            assert np.array_equal(ours, theirs)
    copy.add(vectors[2010:2011])
    assert 9010 in copy
    del copy
    with pytest.raises(ValueError, match="opened to search"):
        Index.load(tmp_path / "a.index", read_only=True).add(vectors[:1])
    with pytest.raises((ValueError, OSError), match="nowhere"):
        Index.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda index, v: index.add(v[0]), ValueError, r"shape \[24\], expected \[n, dim\]"),
        (lambda index, v: index.add(v[:, :3]), ValueError, "vectors have 3 values, those of the index 24"),
        (lambda index, v: index.add(v[:2], keys=[1]), ValueError, "1 keys for 2 vectors"),
        (lambda index, v: index.add(v[:1], keys=[-1]), ValueError, "whole numbers from 0"),
        (lambda index, v: index.add(v[:1] * np.nan), ValueError, "NaN"),
        (lambda index, v: index.add([["a", "b"]]), (TypeError, ValueError), "numbers|values"),
        (lambda index, v: index.search(v[:, :3]), ValueError, "queries have 3 values"),
        (lambda index, v: index.search(v, 0), ValueError, "k is 0"),
        (lambda index, v: Index("hamming"), ValueError, "metric is 'hamming'"),
        (lambda index, v: Index(recall=2), ValueError, "recall is 2"),
        (lambda index, v: Index().search(v), ValueError, "empty"),
    ],
)
def test_mistakes_are_explained(vectors, call, error, text):
    index = Index()
    index.add(vectors[:50])
    with pytest.raises(error, match=text):
        call(index, vectors[:5])
