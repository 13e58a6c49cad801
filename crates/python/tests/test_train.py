"""Training: every form of data, the same bytes as the program, refusals, callbacks, Ctrl-C."""

from __future__ import annotations

import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import numpy as np
import pandas
import polars
import pyarrow
import pytest
import scipy.sparse

import vecinity

ROOT = pathlib.Path(__file__).parents[3]
PROGRAM = os.environ.get("VECINITY", str(ROOT / "target/debug/vecinity"))
SMALL = {"dim": 8, "epochs": 1, "threads": 1}


def events(baskets: list[list[str]]) -> pandas.DataFrame:
    """Baskets as a table of events, with times that rise."""
    rows = [(f"u{user}", item) for user, items in enumerate(baskets[:500]) for item in items]
    table = pandas.DataFrame(rows, columns=["user_id", "item_id"])
    table["timestamp"] = 1_600_000_000 + np.arange(len(table)) * 60
    return table


def same(a: vecinity.Model, b: vecinity.Model) -> bool:
    return a.tokens == b.tokens and all(np.array_equal(a.vectors(m), b.vectors(m)) for m in ("input", "output"))


def digest(folder: pathlib.Path, name: str) -> str:
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


@pytest.mark.skipif(not os.path.exists(PROGRAM), reason="the program is not built: cargo build -p vecinity-cli")
@pytest.mark.parametrize("form", ["file", "lists", "table"])
def test_the_same_data_options_and_seed_give_the_bytes_of_the_program(form, tmp_path, factbook, baskets):
    if form == "table":
        table, source = events(baskets), tmp_path / "events.csv"
        table.to_csv(source, index=False)
        options = {**SMALL, "seed": 7, "holdout": "last", "baselines": "popularity,next-item"}
        data: object = table
    else:
        source = tmp_path / "text.txt"
        source.write_text("\n".join(" ".join(line) for line in factbook) + "\n", encoding="utf-8")
        options = {**SMALL, "seed": 7, "min_count": 3, "kind": "text", "model": "cbow", "window": 4}
        data = source if form == "file" else factbook
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    subprocess.run([PROGRAM, "train", source, "-o", tmp_path / "b.model", *flags], check=True, capture_output=True)
    vecinity.train(data, tmp_path / "a.model", **options)
    names = ["vectors.safetensors", "vocab.safetensors"]
    names += ["recipe.json", "metrics.json"] if form == "table" else []
    for name in names:
        assert digest(tmp_path / "a.model", name) == digest(tmp_path / "b.model", name), name
    if form == "file":
        assert digest(tmp_path / "a.model", "config.toml") == digest(tmp_path / "b.model", "config.toml")
    manifests = [vecinity.load(tmp_path / f"{name}.model").manifest["origin"]["data"] for name in "ab"]
    assert manifests[0] == manifests[1], "one fingerprint of the data"


def test_lists_generators_arrays_and_numbers_are_the_same_data(factbook):
    ids = {word: number for number, word in enumerate(sorted({word for line in factbook for word in line}))}
    numbers = [[ids[word] for word in line] for line in factbook]
    options = {**SMALL, "kind": "text"}
    lists = vecinity.train(factbook, **options)
    assert same(lists, vecinity.train((tuple(line) for line in factbook), **options))
    written = vecinity.train([[str(number) for number in line] for line in numbers], **options)
    assert same(written, vecinity.train(numbers, **options))
    assert same(written, vecinity.train([np.array(line) for line in numbers], **options))


def test_tables_of_every_kind_are_the_same_data(tmp_path, baskets):
    table = events(baskets)
    table.to_csv(tmp_path / "events.csv", index=False)
    options = {**SMALL, "holdout": "none"}
    file = vecinity.train(tmp_path / "events.csv", **options)
    coded = table.assign(user_id=table["user_id"].astype("category"), item_id=table["item_id"].astype("category"))
    timed = table.assign(timestamp=pandas.to_datetime(table["timestamp"], unit="s"))
    lists = polars.from_pandas(table).group_by("user_id", maintain_order=True).agg("item_id")
    for data in (table, coded, timed, polars.from_pandas(table), pyarrow.Table.from_pandas(table)):
        assert same(file, vecinity.train(data, **options)), type(data)
    assert len(vecinity.train(lists, **options)) == len(file), "a column of lists is a history a row"


def test_a_column_of_lists_is_the_data_of_its_lists(baskets):
    options = {**SMALL, "kind": "set", "holdout": "none"}
    lists = vecinity.train(baskets[:800], **options)
    for column in (pandas.Series(baskets[:800]), polars.Series(baskets[:800]), pyarrow.chunked_array([baskets[:800]])):
        assert same(lists, vecinity.train(column, **options)), type(column)


def test_columns_are_named_by_a_dict_or_as_the_program_writes_them(baskets):
    table = events(baskets).rename(columns={"user_id": "kunde", "item_id": "ware", "timestamp": "zeit"})
    named = {"user": "kunde", "item": "ware", "time": "zeit"}
    options = {**SMALL, "holdout": "none"}
    assert same(
        vecinity.train(table, columns=named, **options),
        vecinity.train(table, columns="user=kunde,item=ware,time=zeit", **options),
    )
    with pytest.raises(ValueError, match="columns"):
        vecinity.train(table, columns={"buyer": "kunde"}, **options)


def test_a_table_beside_the_data_gives_titles(baskets):
    items = pandas.DataFrame({"id": sorted({item for basket in baskets for item in basket})})
    items["title"] = "item " + items["id"]
    for metadata in (items, items.set_index("id"), polars.from_pandas(items)):
        model = vecinity.train(baskets, kind="set", holdout="none", metadata=metadata, **SMALL)
        assert model.neighbors("item 0", 1)[0].title.startswith("item ")
        assert model.metadata("0")["title"] == "item 0"
        assert model.config is not None and "metadata" not in model.config["data"], "a table has no name that could be kept"
    with pytest.raises(ValueError, match="the table metadata: 0 of 1 metadata ids occur in the model"):
        vecinity.train(baskets, kind="set", metadata=pandas.DataFrame({"id": ["gone"]}), **SMALL)
    with pytest.raises(TypeError, match="metadata is a dict, expected a file, or a pandas or polars DataFrame"):
        vecinity.train(baskets, kind="set", metadata={"id": ["0"]}, **SMALL)


@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        (["the cat sat", "the dog sat"], {}, TypeError, r"\[text.split\(\) for text in data\]"),
        (iter(["the cat sat"]), {}, TypeError, r"\[text.split\(\) for text in data\]"),
        ([["a", None]], {}, TypeError, "sequence 0 of the data holds None"),
        ([["a", 1.5]], {}, TypeError, "holds 1.5"),
        ([7, 8], {}, TypeError, "sequence 0 of the data is a <class 'int'>"),
        (7, {}, TypeError, "data is a int"),
        ({"a": 1}, {}, TypeError, "data is a dict"),
        (b"text", {}, TypeError, "data is a bytes"),
        ([["a", ""]], {}, ValueError, "token 1 of sequence 0 is empty"),
        ([], {"kind": "text"}, ValueError, "nothing to read"),
        ([["a", "b"]], {"kind": "text"}, ValueError, "use min_count=1"),
        ([["a", "b"]], {"epoch": 3}, ValueError, "no setting 'epoch'; did you mean `epochs`"),
        ([["a", "b"]], {"dim": "many"}, ValueError, "dim is"),
        ([["a", "b"]], {"dim": 0, "kind": "text", "min_count": 1}, ValueError, "dim is 0"),
        ([["a", "b"]], {"kind": "words"}, ValueError, "kind is"),
        ([["a", "b"]], {"kind": "text", "holdout": "last"}, ValueError, "holdout is given"),
        ([["a", "b"]], {"kind": "text", "lowercase": True}, ValueError, "lowercase is given, expected nothing of the kind"),
        ([["a", "b"]], {"window": "wide"}, ValueError, "window is wide, expected a number, or 'all'"),
        (pandas.DataFrame({"x": [1], "y": [2]}), {"kind": "text"}, ValueError, "kind is text, expected sequence or set"),
        (pandas.DataFrame({"user": ["a"]}), {}, ValueError, 'columns="user=...,item=...,time=..."'),
        (pandas.DataFrame({"user": ["a"], "item": ["b"]}), {"columns": {"user": "uid"}}, ValueError, "no column 'uid' for user"),
        (pandas.DataFrame({"user": ["a"], "item": ["b"]})[:0], {}, ValueError, "no events"),
        (polars.DataFrame({"user": ["a"], "item": ["b"]}).lazy(), {}, TypeError, r"data.collect\(\)"),
        (pandas.Series(["the cat sat"]), {}, TypeError, r"\[text.split\(\) for text in data\]"),
        ([{"user": "a", "item": "b"}], {}, TypeError, r"pandas.DataFrame\(data\)"),
        (scipy.sparse.eye(3).tocsr(), {}, TypeError, "data is a csr_matrix|data is a dia|data is a csr"),
        (iter(()), {"kind": "text"}, ValueError, "yields nothing; one that was used up before has to be made anew"),
        ([["a", "b"]], {"vector_size": 3}, ValueError, "no setting 'vector_size'; here it is `dim`"),
        ([["a", "b"]], {"workers": 3}, ValueError, "no setting 'workers'; here it is `threads`"),
        ([["a", "b"]], {"dim": 8.5}, ValueError, "dim is 8.5, expected a whole number from 0"),
        ([["a", "b"]], {"threads": -1}, ValueError, "threads is -1, expected a whole number from 0"),
        ("gone.txt", {}, FileNotFoundError, "gone.txt: no such file"),
        ([pathlib.Path("gone.txt")], {}, FileNotFoundError, "no such file"),
    ],
)
def test_mistakes_are_explained(data, options, error, text):
    with pytest.raises(error, match=text):
        vecinity.train(data, **options)


def test_an_output_that_is_no_model_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="mine"):
        vecinity.train([["a", "b"]] * 9, tmp_path / "mine", kind="text", **SMALL)
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"


def test_callbacks_see_loss_and_metrics_and_may_end_the_training(baskets, factbook):
    seen: list[dict] = []
    model = vecinity.train(
        baskets, kind="set", dim=8, epochs=4, patience=9, threads=1, baselines="popularity", callbacks=seen.append
    )
    losses = [event["loss"] for event in seen if event["event"] == "progress"]
    assert losses and losses[-1] > 0
    assert [event["epoch"] for event in seen if event["event"] == "eval"] == [1, 2, 3, 4]
    assert all(0 <= event["valid_ndcg"] <= 1 for event in seen if event["event"] == "eval")
    assert model.evaluate()["rows"][0]["name"] == "this model"

    def stop(event: dict) -> object:
        return not (event["event"] == "epoch" and event["epoch"] == 2)

    stopped = vecinity.train(factbook, kind="text", dim=8, epochs=50, threads=1, callbacks=[stop, seen.append])
    assert (len(stopped), seen[-1]["epoch"]) == (len(stopped.tokens), 2)


def test_an_exception_of_a_callback_ends_the_training_and_is_raised(factbook):
    def fail(event: dict) -> None:
        raise LookupError("enough")

    begun = time.monotonic()
    with pytest.raises(LookupError, match="enough"):
        vecinity.train(factbook, kind="text", dim=100, epochs=10_000, threads=1, callbacks=fail)
    assert time.monotonic() - begun < 30


def test_other_threads_run_during_training(factbook):
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.wait(0.01):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    begun = time.monotonic()
    vecinity.train(factbook, kind="text", dim=64, epochs=3, threads=1)
    ended = time.monotonic()
    done.set()
    thread.join()
    within = sum(begun < at < ended for at in ticks)
    assert within > (ended - begun) / 0.01 / 10, "the interpreter's lock was held"


def test_ctrl_c_stops_and_resume_goes_on_to_the_same_bytes(tmp_path, factbook):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(line) for line in factbook), encoding="utf-8")
    program = (
        "import sys, vecinity\n"
        "tell = lambda event: print(event['event'], flush=True)\n"
        f"vecinity.train({str(text)!r}, {str(tmp_path / 'a.model')!r}, kind='text', dim=32, epochs=EPOCHS, threads=1,"
        " callbacks=tell, resume=RESUME)\n"
    ).replace("EPOCHS", "12")
    run = [sys.executable, "-c", program.replace("RESUME", "False")]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "progress\n"
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert "KeyboardInterrupt" in error, error
    assert not (tmp_path / "a.model").exists() and (tmp_path / "a.model.checkpoint").is_dir()
    subprocess.run([sys.executable, "-c", program.replace("RESUME", "True")], check=True, stdout=subprocess.DEVNULL)
    whole = vecinity.train(text, tmp_path / "b.model", kind="text", dim=32, epochs=12, threads=1)
    assert same(vecinity.load(tmp_path / "a.model"), whole)
    assert not (tmp_path / "a.model.checkpoint").exists()


@pytest.mark.parametrize(
    ("data", "options", "cue"),
    [
        ("[['a', 'b'] * 50] * 5_000_000", {"kind": "text"}, "begin"),
        ("(['a', 'b'] for _ in itertools.count())", {"kind": "text"}, "begin"),
        ("'long.txt'", {"kind": "text"}, "begin"),
        ("'long.csv'", {}, "begin"),
        ("'long.csv'", {"threads": 2}, "begin"),
        ("baskets", {"kind": "set", "baselines": "item-knn"}, "tune"),
        ("baskets", {"kind": "set", "baselines": "ease"}, "tune"),
        ("baskets", {"kind": "set", "baselines": "popularity", "dim": 200, "epochs": 1}, "recipe"),
    ],
)
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_ctrl_c_is_heard_at_once_whatever_goes_on(tmp_path, data, options, cue, delay):
    if "long" in data:
        rows = "".join(f"user {row % 977},item {row % 1009},{1_600_000_000 + row}\n" for row in range(50_000))
        (tmp_path / "long.csv").write_text("user,item,time\n" + rows * 60)
        (tmp_path / "long.txt").write_text(rows * 60)
    (tmp_path / "made").mkdir()
    program = f"""
import gzip, itertools, logging, sys, vecinity
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
baskets = [line.split() for line in gzip.open({str(ROOT / "data/demo/baskets.txt.gz")!r}, "rt", encoding="utf-8")]
print("begin", flush=True)
vecinity.train({data}, "made/a.model", **{({"threads": 1} | options)!r})
"""
    run = [sys.executable, "-c", program]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None and process.stderr is not None
        assert any(line.startswith(cue) for line in process.stdout), process.stderr.read()
        time.sleep(delay)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        said, error = process.communicate(timeout=60)
        seconds = time.monotonic() - begun
    assert "KeyboardInterrupt" in error, said + error
    assert seconds < 5, f"{seconds:.1f} s (a second is meant; the machine may be busy)"
    assert not list((tmp_path / "made").iterdir()), "nothing is left but a checkpoint of a training"


def test_lengths_of_time_are_seconds_texts_or_timedeltas(baskets):
    table = events(baskets)
    for gap in (1800, "30m", timedelta(minutes=30)):
        model = vecinity.train(table, session_gap=gap, holdout="none", **SMALL)
        assert model.config["data"]["session_gap"] == 1800
    with pytest.raises(ValueError, match="checkpoint_every is '5 minutes'"):
        vecinity.train(table, checkpoint_every="5 minutes")


def test_progress_is_shown_where_it_is_asked_for(capsys, factbook):
    vecinity.train(factbook, kind="text", progress="bar", **SMALL)
    shown = capsys.readouterr().err
    assert "vocab " in shown and "epoch 1/1" in shown
    vecinity.train(factbook, kind="text", **SMALL)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ValueError, match="progress is 'loud'"):
        vecinity.train(factbook, progress="loud")
