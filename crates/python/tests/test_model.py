"""A model: questions, recommendations, figures, handing on."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import vecinity


def test_neighbors_are_those_of_cosine(words):
    vectors = words.vectors()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    row = words.tokens.index("europe")
    scores = unit @ unit[row]
    scores[row] = -2
    found = words.neighbors("europe", 5)
    assert [answer.id for answer in found] == [words.tokens[at] for at in np.argsort(-scores)[:5]]
    assert found[0].score == pytest.approx(scores.max(), abs=1e-6)
    assert found[0].count == words.counts[words.tokens.index(found[0].id)]
    assert words.similarity("europe", found[0].id) == pytest.approx(found[0].score, abs=1e-6)
    assert words.neighbors(words.vector("europe"), 1)[0].id == "europe"


def test_whole_numbers_are_tokens_as_they_were_learned(shop):
    assert 0 in shop and np.int64(0) in shop and 10**9 not in shop
    assert np.array_equal(shop.vector(0), shop.vector("0")) and shop.neighbors(np.int64(0), 3) == shop.neighbors("0", 3)
    assert shop.similarity(0, 1) == shop.similarity("0", "1") and shop.metadata(0) == shop.metadata("0")
    assert shop.outlier([0, 1, 2]) == shop.outlier(["0", "1", "2"]) and shop.why(0, 1) == shop.why("0", "1")
    assert shop.recommend(np.array([0, 1]), exclude=[2]) == shop.recommend(["0", "1"], exclude=["2"])
    with pytest.raises(TypeError, match="the token 1.5 is a float, expected a str or an int"):
        shop.recommend([1.5])


def test_expressions_outliers_and_reasons(words):
    found = words.query("europe - france + china", 3)
    assert len(found) == 3 and not {"europe", "france", "china"} & {answer.id for answer in found}
    odd = words.outlier(["france", "germany", "italy", "percent"])
    assert len(odd) == 4 and odd[0].score <= odd[-1].score
    reasons = words.why("france", "germany", 3)
    assert all(0 < reason.score < 1 for reason in reasons)


def test_what_is_unknown_is_a_key_error_with_suggestions(words, shop):
    with pytest.raises(KeyError, match="did you mean: europe"):
        words.neighbors("europee")
    with pytest.raises(KeyError, match="did you mean"):
        shop.neighbors("REGENCY CAKESTAND")
    assert "europe" in words and "europee" not in words and None not in words


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"vectors": "middle"}, "vectors is 'middle', expected one of 'input', 'output'"),
        ({"metric": "manhattan"}, "metric is 'manhattan', expected one of 'cosine'"),
    ],
)
def test_wrong_arguments_are_named(words, options, text):
    with pytest.raises(ValueError, match=text):
        words.neighbors("europe", **options)
    with pytest.raises(TypeError, match=r"query\('france \+ germany'\)"):
        words.neighbors(["france", "germany"])
    for ask in (lambda: words.neighbors("europe", -1), lambda: words.query("europe", -1), lambda: words.recommend(["europe"], -1)):
        with pytest.raises(ValueError, match="k is -1, expected 0 or more"):
            ask()


def test_recommendations_have_reasons_that_add_to_one(shop):
    found = shop.recommend(["0", "1", "REGENCY CAKESTAND 3 TIER", "gone"], k=5)
    assert len(found) == 5 and found.unknown == ["gone"] and found.fallback is None
    assert not {"0", "1", "2"} & {item.id for item in found}, "what is in the history is not listed"
    assert all(a.score >= b.score for a, b in zip(found, found[1:], strict=False))
    assert sum(reason.share for reason in found[0].reasons) == pytest.approx(1, abs=1e-4)
    assert found[0].metadata["title"]
    pytest.importorskip("pandas")
    table = found.to_pandas()
    assert list(table.columns[:2]) == ["id", "score"] and "title" in table and len(table) == 5


def test_recommendations_are_filtered(shop):
    cheap = shop.recommend(["0"], k=20, where=["median_price<1"], reasons=False)
    assert cheap and all(float(item.metadata["median_price"]) < 1 for item in cheap)
    one = shop.recommend(["0"], where={"stockcode": ["85099B", "22423"]})
    assert {item.metadata["stockcode"] for item in one} == {"85099B", "22423"}
    both = shop.recommend(["0"], where={"stockcode": "22423"}, filter={"must_not": {"has_id": ["2"]}})
    assert both == []
    assert "1" not in {item.id for item in shop.recommend(["0"], k=50, exclude=["1"])}
    with pytest.raises(ValueError, match="price"):
        shop.recommend(["0"], where={"price": 1})
    with pytest.raises(ValueError, match="diversity"):
        shop.recommend(["0"], diversity=2)
    with pytest.raises(TypeError, match=r"\['0'\]"):
        shop.recommend("0")
    with pytest.raises(ValueError, match="context"):
        shop.recommend(["0"], context={"age": 3})


def test_many_histories_are_answered_as_one_by_one(shop, baskets):
    histories = baskets[:50]
    many = shop.recommend_many(histories, 7)
    assert many == [shop.recommend(history, 7, reasons=False) for history in histories]
    assert shop.recommend_many([[]], 3)[0].fallback == "popular"


def test_user_vectors_are_rows(shop, baskets):
    vectors = shop.user_vectors([*baskets[:3], ["gone"]])
    assert vectors.shape == (4, len(shop.user_vector(baskets[0]))) and vectors.dtype == np.float32
    assert np.array_equal(vectors[1], shop.user_vector(baskets[1]))
    assert not vectors[3].any()


def test_figures_are_those_of_training_or_of_word_sets(shop, words, tmp_path):
    rows = {row["name"]: row["test"] for row in shop.evaluate()["rows"]}
    assert {"this model", "popularity", "item-knn"} <= set(rows)
    assert 0 < rows["this model"]["ndcg"][0] < 1
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("france\tgermany\t9\nfrance\tpercent\t1\nchina\tfrance\t3\n")
    found = words.evaluate(similarity=pairs)
    assert found["analogies"] == [] and found["similarity"][0]["name"] == "pairs"
    with pytest.raises(ValueError, match="pass analogies or similarity"):
        words.evaluate()


def test_a_model_is_saved_loaded_and_pickled(words, tmp_path):
    path = tmp_path / "kept.model"
    words.save(path)
    for copy in (vecinity.load(path), pickle.loads(pickle.dumps(words))):
        assert copy.tokens == words.tokens and np.array_equal(copy.vectors("output"), words.vectors("output"))
        assert copy.manifest["uuid"] == words.manifest["uuid"]
    (path / "vectors.safetensors").write_bytes(b"0" + (path / "vectors.safetensors").read_bytes()[1:])
    with pytest.raises(vecinity.ModelError, match="checksum"):
        vecinity.load(path)
    with pytest.raises(FileNotFoundError, match="nowhere: no such model"):
        vecinity.load(tmp_path / "nowhere")


def test_a_model_without_a_folder_lives_as_long_as_it_is_used(factbook):
    model = vecinity.train(factbook, kind="text", dim=8, epochs=1, threads=1)
    folder, vectors = model.path, model.vectors()
    before = vectors.copy()
    assert folder.is_dir()
    del model
    gc.collect()
    assert not folder.exists()
    assert np.array_equal(vectors, before), "the view keeps its memory"


def test_vectors_are_views_that_nobody_can_write(words):
    vectors = words.vectors()
    assert vectors.base is not None and not vectors.flags.writeable and not vectors.flags.owndata
    assert words.vectors().ctypes.data == vectors.ctypes.data, "the same memory each time"
    with pytest.raises(ValueError, match="read-only"):
        vectors[0, 0] = 1
    assert np.allclose(words.vectors("sum"), words.vectors() + words.vectors("output"))
    assert words.vectors("concat").shape == (len(words), 2 * words.dim)


def test_a_loaded_model_takes_no_memory_of_its_own(tmp_path, factbook):
    """Vectors are the mapped file: a second look at them, as NumPy arrays and all, adds nothing."""
    path = tmp_path / "wide.model"
    vecinity.train(factbook, path, kind="text", min_count=1, dim=1000, epochs=1, threads=1, negatives=1, window=1)
    program = (
        "import sys, vecinity, numpy\n"
        "anonymous = lambda: int(next(line for line in open('/proc/self/status') if line.startswith('RssAnon')).split()[1])\n"
        "before = anonymous()\n"
        "model = vecinity.load(sys.argv[1])\n"
        "total = float(model.vectors().sum()) + float(model.vectors('output').sum()) + float(model.input.vectors[:, 0].sum())\n"
        "print(anonymous() - before, 2 * model.vectors().nbytes // 1024)\n"
    )
    if not os.path.exists("/proc/self/status"):
        pytest.skip("needs /proc")
    run = subprocess.run([sys.executable, "-c", program, path], check=True, capture_output=True, text=True)
    grown, matrices = map(int, run.stdout.split())
    assert matrices > 50_000 and grown < matrices / 5, (grown, matrices)


def test_vectors_go_to_pandas(words):
    pytest.importorskip("pandas")
    assert words.to_pandas().loc["europe"].to_numpy() == pytest.approx(words.vector("europe"))


def test_vectors_go_to_numpy_and_files(words, tmp_path):
    padded = words.to_numpy(padding=True)
    assert padded.shape == (len(words) + 1, words.dim) and not padded[0].any()
    assert np.array_equal(padded[1:], words.vectors())
    padded[0, 0] = 1
    words.export(tmp_path / "a.bin", "word2vec-binary")
    assert np.array_equal(vecinity.KeyedVectors.load_word2vec_format(tmp_path / "a.bin", binary=True).vectors, words.vectors())
    with pytest.raises(ValueError, match="format"):
        words.export(tmp_path / "a.x", "pickle")


def test_vectors_go_to_torch(words):
    torch = pytest.importorskip("torch")
    row = words.tokens.index("europe")
    own = torch.from_numpy(words.vector("europe").copy())
    plain, padded = words.to_torch_embedding(), words.to_torch_embedding(padding=True, freeze=False)
    assert torch.equal(plain(torch.tensor([row]))[0], own) and torch.equal(padded(torch.tensor([row + 1]))[0], own)
    assert (plain.padding_idx, padded.padding_idx) == (None, 0) and not padded.weight[0].any()
    assert not plain.weight.requires_grad and padded.weight.requires_grad
    # A step of learning moves the rows that were asked, but for the padding, and never the model.
    step = torch.optim.SGD(padded.parameters(), lr=1.0)
    padded(torch.tensor([0, row + 1])).sum().backward()
    step.step()
    assert not padded.weight[0].any() and torch.equal(padded.weight[row + 1], own - 1)
    assert np.array_equal(words.vector("europe"), own.numpy())
    with torch.no_grad():
        plain.weight[row] = 7.0
    assert np.array_equal(words.vector("europe"), own.numpy()), "the embedding has memory of its own"


def test_what_a_model_is_can_be_read(words, shop):
    assert repr(words).startswith("<vecinity.Model '") and f"{len(words):,} tokens, dim 32" in repr(words)
    assert list(words)[:3] == words.tokens[:3]
    assert words.config["train"]["dim"] == 32 and shop.recipe
