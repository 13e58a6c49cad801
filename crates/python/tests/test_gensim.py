"""Parts of gensim's own test-suite, as it is installed, run against ours.

Every test has to pass but those of `NOT_VECTORS` and `NOT_WORDS`, which say why not, and have to fail: nothing is left out in silence.
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

REFUSED = "refused, since it would be ignored"
ONLINE = "a vocabulary cannot grow after training"
PICKLES = "pickles of gensim are not read"
NOT_WORDS = {
    "test_build_vocab_from_freq": "there is no training from counts alone",
    "test_build_vocab_warning": "what gensim logs is an error",
    "test_compute_training_loss": "of a few short sentences no loss is sampled",
    "test_cosmul": "most_similar_cosmul takes keys, not vectors",
    "test_evaluate_word_analogies": "Model.evaluate does it, with intervals",
    "test_evaluate_word_pairs": "Model.evaluate does it, with intervals",
    "test_evaluate_word_pairs_from_file": "Model.evaluate does it, with intervals",
    "test_lambda_rule": f"trim_rule is {REFUSED}",
    "test_large_mmap": "models are folders that are always mapped",
    "test_load_on_class_error": "load is a class method",
    "test_locking": "vectors cannot be locked",
    "test_max_final_vocab": "asks scan_vocab, which is not there",
    "test_method_in_bulk": "not run by gensim either",
    "test_no_training_c_format": "vectors alone are trained anew, not refused",
    "test_persistence": "vectors alone are kept in word2vec format",
    "test_persistence_from_file": "vectors alone are kept in word2vec format",
    "test_persistence_word2vec_format": "values are float32, not float16",
    "test_persistence_word2vec_format_combination_with_standard_persistence": "vectors alone are kept in word2vec format",
    "test_prune_vocab": f"max_vocab_size is {REFUSED}",
    "test_reset_from": "a vocabulary is of its own model",
    "test_scoring": "there is no score",
    "test_too_short_binary_word2vec_format": "a file that is cut is a ValueError, not an EOFError",
    "test_too_short_text_word2vec_format": "a file that is cut is a ValueError, not an EOFError",
    "test_total_word_count": "asks scan_vocab, which is not there",
    "test_train_hs_and_neg": "what gensim logs is an error",
    "test_train_warning": "training starts anew each time",
    "test_train_with_explicit_param": "total_examples need not be given",
    "test_training": "the nodes of hierarchical softmax are no attribute",
    "test_training_cbow": "the nodes of hierarchical softmax are no attribute",
    "test_training_from_file": "the nodes of hierarchical softmax are no attribute",
    "test_vocab": "the codes of hierarchical softmax are no attribute",
    **dict.fromkeys(["test_persistence_with_constructor_rule", "test_rule", "test_rule_with_min_count"], f"trim_rule is {REFUSED}"),
    **dict.fromkeys(
        [f"test_{model}_{loss}_online" for model, loss in (("cbow", "hs"), ("cbow", "neg"), ("sg", "hs"), ("sg", "neg"))], ONLINE
    ),
    **dict.fromkeys(
        [f"test_online_learning{how}" for how in ("", "_after_save", "_after_save_from_file", "_from_file")], ONLINE
    ),
    **dict.fromkeys(
        [
            *(f"test_load_old_models_{version}_x" for version in (1, 2, 3)),
            "test_load_old_model",
            "test_load_old_model_separates",
            "test_persistence_backwards_compatible",
        ],
        PICKLES,
    ),
}


def run(case: unittest.TestCase) -> None:
    """Runs one test of theirs; what it says is what this test says."""
    result = unittest.TestResult()
    case.run(result)
    assert result.testsRun == 1
    if result.skipped:
        pytest.skip(result.skipped[0][1])
    for _, text in [*result.failures, *result.errors]:
        pytest.fail(text)


def names(case: type[unittest.TestCase]) -> list[str]:
    return list(unittest.TestLoader().getTestCaseNames(case))


def agrees(case: unittest.TestCase, reasons: dict[str, str]) -> None:
    """Passes, or does not for the reason given: a reason that is out of date is a failure too."""
    if case._testMethodName in reasons:
        with pytest.raises((pytest.fail.Exception, pytest.skip.Exception)):
            run(case)
    else:
        run(case)


@pytest.mark.parametrize("name", names(theirs_vectors.TestKeyedVectors))
def test_keyed_vectors(name, monkeypatch):
    monkeypatch.setattr(theirs_vectors, "KeyedVectors", vecinity.KeyedVectors)
    models = types.SimpleNamespace(KeyedVectors=vecinity.KeyedVectors)
    monkeypatch.setattr(theirs_vectors, "gensim", types.SimpleNamespace(models=models, test=theirs_vectors.gensim.test))
    agrees(theirs_vectors.TestKeyedVectors(name), NOT_VECTORS)


@pytest.mark.parametrize("name", names(theirs_words.TestWord2VecModel))
def test_word2vec(name, monkeypatch):
    ours = types.SimpleNamespace(**{**vars(theirs_words.word2vec), "Word2Vec": vecinity.Word2Vec})
    monkeypatch.setattr(theirs_words, "word2vec", ours)
    monkeypatch.setattr(theirs_words, "keyedvectors", types.SimpleNamespace(KeyedVectors=vecinity.KeyedVectors))
    agrees(theirs_words.TestWord2VecModel(name), NOT_WORDS)
