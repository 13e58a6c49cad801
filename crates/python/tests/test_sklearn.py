"""scikit-learn's estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import vecinity.sklearn as ours

WORDS = {"dim": 8, "min_count": 1, "epochs": 2, "threads": 1}


def test_word2vec_stands_in_a_pipeline(factbook):
    texts = [line for line in factbook if len(line) > 3][:600]
    labels = ["percent" in line for line in texts]
    pipeline = make_pipeline(ours.Word2Vec(**WORDS), LogisticRegression())
    assert pipeline.fit(texts, labels).score(texts, labels) >= np.mean(np.logical_not(labels))
    words = pipeline[0]
    rows = words.transform([texts[0], ["qqqq"], []])
    assert rows.shape == (3, 8) and not rows[1:].any()
    mean = np.mean([words.model_.vector(word) for word in texts[0]], axis=0)
    assert np.allclose(rows[0], mean, atol=1e-6)
    assert list(words.get_feature_names_out()) == [f"word2vec{column}" for column in range(8)]


def test_item2vec_is_searched_over(baskets):
    grid = GridSearchCV(
        ours.Item2Vec(epochs=1, threads=1, options={"baselines": "popularity"}), {"dim": [4, 8]}, cv=2, error_score="raise"
    )
    grid.fit(baskets[:1500])
    assert grid.best_params_["dim"] in (4, 8) and 0 < grid.best_score_ < 1
    best = grid.best_estimator_
    assert best.transform(baskets[:3]).shape[0] == 3
    assert len(best.predict(baskets[:2], k=4)[0]) == 4


@pytest.mark.parametrize("estimator", [ours.Word2Vec(**WORDS), ours.Item2Vec(dim=4)])
def test_estimators_keep_to_the_rules(estimator):
    name = type(estimator).__name__
    for check in (
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_cloneable,
    ):
        check(name, estimator)
    assert clone(estimator).get_params() == estimator.get_params()


def test_a_fitted_estimator_is_pickled_and_does_not_change(factbook):
    texts = factbook[:500]
    words = ours.Word2Vec(**WORDS).fit(texts)
    parameters = words.get_params()
    again = pickle.loads(pickle.dumps(words))
    assert np.array_equal(again.transform(texts), words.transform(texts))
    assert np.array_equal(clone(words).fit(texts).transform(texts), words.transform(texts)), "one seed, one thread"
    assert words.get_params() == parameters


def test_mistakes_are_explained():
    with pytest.raises(TypeError, match="split"):
        ours.Word2Vec().fit(["a text that was not cut"])
    with pytest.raises(ValueError, match="X is empty"):
        ours.Word2Vec().fit([])
    with pytest.raises(Exception, match="not fitted"):
        ours.Word2Vec().transform([["a"]])
