"""gensim's names."""

from __future__ import annotations

import numpy as np
import pytest

from vecinity import KeyedVectors, Word2Vec


def test_a_view_has_gensims_names_and_no_copy(words):
    kv = words.input
    assert isinstance(kv, KeyedVectors) and kv is words.input
    assert kv.vectors.ctypes.data == words.vectors().ctypes.data
    assert kv.index_to_key == words.tokens and kv.key_to_index["europe"] == words.tokens.index("europe")
    assert np.array_equal(kv["europe"], words.vector("europe")) and "europe" in kv and len(kv) == len(words)
    assert kv[["europe", "china"]].shape == (2, 32) and kv.vector_size == 32
    assert np.linalg.norm(kv.get_vector("europe", norm=True)) == pytest.approx(1)
    assert kv.get_vecattr("europe", "count") == words.counts[kv.key_to_index["europe"]]
    assert not np.array_equal(words.output["europe"], kv["europe"])
    with pytest.raises(KeyError, match="did you mean: europe"):
        kv["europee"]


def test_most_similar_is_the_mean_of_unit_vectors(words):
    kv = words.input
    unit = kv.get_normed_vectors()
    row = kv.key_to_index
    asked = ["france", "china", "europe"]
    mean = unit[row["france"]] + unit[row["china"]] - unit[row["europe"]]
    scores = unit @ (mean / np.linalg.norm(mean))
    scores[[row[key] for key in asked]] = -2
    found = kv.most_similar(positive=["france", "china"], negative=["europe"], topn=4)
    assert [key for key, _ in found] == [kv.index_to_key[at] for at in np.argsort(-scores)[:4]]
    assert kv.most_similar("france", topn=1)[0][1] == pytest.approx(kv.similarity("france", kv.most_similar("france")[0][0]), abs=1e-6)
    weighted = kv.most_similar([("france", 2.0), ("china", 0.5)], topn=3)
    assert len(weighted) == 3 and weighted != found
    assert kv.most_similar("france", topn=3, clip_start=100, clip_end=200) == sorted(
        kv.most_similar("france", topn=3, clip_start=100, clip_end=200), key=lambda pair: -pair[1]
    )
    with pytest.raises(ValueError, match="empty"):
        kv.most_similar()


def test_doesnt_match_leaves_unknown_words_out(words):
    assert words.input.doesnt_match(["france", "germany", "italy", "percent", "qqqq"]) in {"france", "germany", "italy", "percent"}
    with pytest.raises(ValueError, match="none of the words"):
        words.input.doesnt_match(["qqqq"])


def test_adding_to_a_view_leaves_the_model_as_it_is(words):
    kv = KeyedVectors._of(words._embeddings, "input")
    before = len(words)
    kv.add_vector("brand new", np.ones(32))
    assert len(kv) == before + 1 == len(words) + 1
    assert kv.most_similar([np.ones(32)], topn=1)[0][0] == "brand new"
    assert kv.get_vecattr("the", "count") == words.input.get_vecattr("the", "count")


def test_word2vec_takes_gensims_arguments(factbook, tmp_path):
    model = Word2Vec(factbook, vector_size=16, window=3, min_count=10, sg=1, negative=4, ns_exponent=0.5, epochs=1, workers=1, seed=3)
    settings = model.model.config
    assert settings["train"]["dim"] == 16 and settings["data"]["min_count"] == 10 and settings["train"]["seed"] == 3
    assert settings["model"]["window"] == 3 and settings["model"]["negatives"] == 4 and settings["model"]["noise_exponent"] == 0.5
    again = Word2Vec(vector_size=16, window=3, min_count=10, sg=1, negative=4, ns_exponent=0.5, workers=1, seed=3)
    again.build_vocab(factbook)
    assert again.wv.index_to_key == model.wv.index_to_key
    again.train(factbook, total_examples=again.corpus_count, epochs=1)
    assert np.array_equal(again.wv.vectors, model.wv.vectors)
    model.save(tmp_path / "w.model")
    assert np.array_equal(Word2Vec.load(tmp_path / "w.model").wv.vectors, model.wv.vectors)
    assert len(model.predict_output_word(["the"], topn=3)) == 3
    for wrong in ({"cbow_mean": 0}, {"min_alpha": 0.01}, {"trim_rule": len}, {"negative": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Word2Vec(factbook, **wrong)
    with pytest.raises(TypeError, match="split"):
        Word2Vec(["a sentence that was not cut"])
