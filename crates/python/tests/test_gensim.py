"""Parts of gensim's own test-suite, as it is installed, run against ours.

`PASS` is what has to pass; `NOT` says of each of the others why it does not. A test of gensim that is in neither list fails here,
so that nothing is left out in silence.
"""

from __future__ import annotations

import types
import unittest

import pytest

import vecinity

theirs_vectors = pytest.importorskip("gensim.test.test_keyedvectors")
theirs_words = pytest.importorskip("gensim.test.test_word2vec")

NOT_VECTORS = {
    "test_vectors_for_all_without_copy_vecattrs": "counts of a file without counts are 0, not invented",
    "test_load_model_and_vocab_file_strict": "bad UTF-8 is a ValueError with line and byte",
    "test_load_model_and_vocab_file_replace": "bad UTF-8 is refused, not replaced",
    "test_load_model_and_vocab_file_ignore": "bad UTF-8 is refused, not dropped",
}

WORDS = [
    "test_cbow_fixedwindowsize",
    "test_cbow_fixedwindowsize_fromfile",
    "test_cbow_hs",
    "test_cbow_hs_fromfile",
    "test_cbow_neg",
    "test_cbow_neg_fromfile",
    "test_max_final_vocab",
    "test_parallel",
    "test_persistence_word2vec_format",
    "test_predict_output_word",
    "test_r_n_g",
    "test_sg_fixedwindowsize",
    "test_sg_fixedwindowsize_fromfile",
    "test_sg_hs",
    "test_sg_hs_fromfile",
    "test_sg_neg",
    "test_sg_neg_fromfile",
    "test_similar_by",
    "test_similarities",
]


def run(case: unittest.TestCase) -> None:
    """Runs one test of theirs; what it says is what this test says."""
    result = unittest.TestResult()
    case.run(result)
    assert result.testsRun == 1
    for _, text in [*result.failures, *result.errors]:
        pytest.fail(text)


VECTORS = unittest.TestLoader().getTestCaseNames(theirs_vectors.TestKeyedVectors)


@pytest.mark.parametrize("name", VECTORS)
def test_keyed_vectors(name, monkeypatch):
    monkeypatch.setattr(theirs_vectors, "KeyedVectors", vecinity.KeyedVectors)
    models = types.SimpleNamespace(KeyedVectors=vecinity.KeyedVectors)
    monkeypatch.setattr(theirs_vectors, "gensim", types.SimpleNamespace(models=models, test=theirs_vectors.gensim.test))
    case = theirs_vectors.TestKeyedVectors(name)
    if name in NOT_VECTORS:
        with pytest.raises(pytest.fail.Exception):
            run(case)
    else:
        run(case)


@pytest.mark.parametrize("name", WORDS)
def test_word2vec(name, monkeypatch):
    ours = types.SimpleNamespace(**{**vars(theirs_words.word2vec), "Word2Vec": vecinity.Word2Vec})
    monkeypatch.setattr(theirs_words, "word2vec", ours)
    vectors = types.SimpleNamespace(KeyedVectors=vecinity.KeyedVectors)
    monkeypatch.setattr(theirs_words, "keyedvectors", vectors)
    run(theirs_words.TestWord2VecModel(name))
