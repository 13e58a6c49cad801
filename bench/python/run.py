"""The Python package beside the program and gensim: training from a file, from a list of lists, memory of a loaded model.

All on one thread, rounds alternating, medians of their ratios. Writes the record bench/record/<machine>/<date>-python.json and
a table beside it; parts that are measured later are added to it. Measure only on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))  # bench/common
from common import machine, places  # noqa: E402
from common.markdown import head, listed, page, spread, table  # noqa: E402
from common.record import Record  # noqa: E402

Entry = dict[str, Any]

SETTINGS = {"dim": 100, "window": 5, "negatives": 5, "min_count": 5, "subsample": 1e-4, "threads": 1}
# The same under gensim's names, which ours has too.
GENSIM = {"vector_size": 100, "window": 5, "min_count": 5, "sg": 1, "negative": 5, "sample": 1e-4, "workers": 1}
# What tells the entries of a section of the record apart.
SECTIONS = {"program": ("text", "epochs"), "lists": ("text", "epochs"), "memory": ("dim",)}

LOAD = """
import sys, vecinity
def memory():
    lines = dict(line.split(":") for line in open("/proc/self/status"))
    return [int(lines[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile")]
before = memory()
model = vecinity.load(sys.argv[1])
total = float(model.vectors().sum()) + float(model.vectors("output").sum())
print(*[after - earlier for after, earlier in zip(memory(), before)], 2 * model.vectors().nbytes / 2**20)
"""


def main() -> None:
    options = _options()
    facts = machine.describe()
    programs = {name: importlib.metadata.version(name) for name in ("vecinity", "gensim", "numpy")}
    header = {"machine": facts, "programs": programs, "settings": SETTINGS}
    folder = Path(__file__).parent / ".cache" if options.quick else places.RECORDS / machine.slug(facts)
    record = Record(folder, datetime.date.today().isoformat(), "python", header, SECTIONS, markdown)
    with tempfile.TemporaryDirectory() as work:
        text = options.text or _unpacked(Path(work))
        for part in options.only or PARTS:
            record.put(part, PARTS[part](text, Path(work), options))
    print(record.markdown())
    print(f"record: {os.path.relpath(record.path, places.ROOT)}")


def markdown(record: Entry) -> str:
    """The whole record as Markdown."""
    versions = (f"{name} {version}" for name, version in record["programs"].items())
    top = [
        *head("Python", record, versions),
        f"Skip-gram: {listed(record['settings'])}. Ratios are of the two runs of a round: median (least to most).",
    ]
    return page(top, {"program": _program, "lists": _lists, "memory": _memory}, record)


def _program(entries: list[Entry]) -> list[str]:
    rows = [
        (
            *(entry["text"], str(entry["epochs"]), str(len(entry["training"])), _ratio(entry["training"])),
            *(_ratio(entry["whole"]), f"{median(entry['added']):.2f}", "yes" if entry["same"] else "NO"),
        )
        for entry in entries
    ]
    header = (
        *("text", "epochs", "rounds", "training: tokens a second of Python / of the program"),
        *("whole run: seconds of Python / of the program", "seconds more", "same bytes"),
    )
    return ["## The same file, from Python and by the program", "", *table(header, rows)]


def _lists(entries: list[Entry]) -> list[str]:
    rows = [
        (
            *(entry["text"], f"{entry['tokens']:,}", str(entry["epochs"]), spread(entry["ours"]), spread(entry["gensim"])),
            *(_ratio([b / a for a, b in zip(entry["ours"], entry["gensim"], strict=True)]), spread(entry["conversion"])),
        )
        for entry in entries
    ]
    header = ("text", "tokens", "epochs", "ours, s", "gensim, s", "gensim / ours", "of ours: all but training, s")
    return ["## A list of lists of str", "", "`Word2Vec(sentences, ...)` from start to end, conversion included.", "", *table(header, rows)]


def _memory(entries: list[Entry]) -> list[str]:
    rows = [
        tuple(f"{entry[name]:,.0f}" for name in ("dim", "matrices_mib", "own_mib", "mapped_mib")) for entry in entries
    ]
    header = ("dim", "both matrices, MiB", "memory of its own, MiB", "pages of mapped files, MiB")
    return ["## A loaded model, all of whose vectors were read", "", *table(header, rows)]


def _ratio(values: list[float]) -> str:
    return f"{median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _unpacked(folder: Path) -> Path:
    text = folder / "factbook.txt"
    text.write_bytes(gzip.decompress((places.ROOT / "data/demo/factbook.txt.gz").read_bytes()))
    return text


def beside_the_program(text: Path, work: Path, options: argparse.Namespace) -> Entry:
    """The program and Python train from a file, in turn."""
    settings = {"kind": "text", **SETTINGS, "epochs": options.epochs, "seed": 1}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    models = {name: work / f"{name}.model" for name in ("program", "python")}
    call = f"import vecinity; vecinity.train({str(text)!r}, {str(models['python'])!r}, **{settings!r})"
    commands = {
        "program": [str(places.release() / "vecinity"), "train", str(text), "-o", str(models["program"]), "--quiet", *flags],
        "python": [sys.executable, "-c", call],
    }
    entry: Entry = {"text": text.name, "epochs": options.epochs, "training": [], "whole": [], "added": []}
    for round_ in range(options.rounds):
        training, whole = {}, {}
        # Who begins changes, so that what grows or fades over a round is nobody's.
        for name in sorted(commands, reverse=bool(round_ % 2)):
            begun = time.perf_counter()
            subprocess.run(commands[name], check=True, capture_output=True)
            whole[name] = time.perf_counter() - begun
            training[name] = json.loads((models[name] / "MANIFEST.json").read_text())["origin"]["seconds"]
        entry["training"].append(training["program"] / training["python"])
        entry["whole"].append(whole["python"] / whole["program"])
        entry["added"].append(whole["python"] - whole["program"])
    files = ("vectors.safetensors", "vocab.safetensors", "config.toml")
    entry["same"] = all(len({(model / name).read_bytes() for model in models.values()}) == 1 for name in files)
    return entry


def beside_gensim(text: Path, work: Path, options: argparse.Namespace) -> Entry:
    """Ours and gensim train from a list of lists, in turn."""
    import gensim
    import vecinity

    del work
    sentences = [line.split() for line in text.read_text(encoding="utf-8").splitlines()]
    given = {**GENSIM, "epochs": 1 if options.quick else 3}
    entry: Entry = {"text": text.name, "tokens": sum(map(len, sentences)), "epochs": given["epochs"]}
    entry |= {"ours": [], "gensim": [], "conversion": []}
    for _ in range(min(options.rounds, 3)):
        begun = time.perf_counter()
        model = vecinity.Word2Vec(sentences, **given)
        entry["ours"].append(time.perf_counter() - begun)
        assert model.model is not None
        entry["conversion"].append(entry["ours"][-1] - model.model.manifest["origin"]["seconds"])
        begun = time.perf_counter()
        gensim.models.Word2Vec(sentences, **given)
        entry["gensim"].append(time.perf_counter() - begun)
    return entry


def memory(text: Path, work: Path, options: argparse.Namespace) -> Entry:
    """A process loads a model with wide vectors and reads them all."""
    import vecinity

    wide, dim = work / "wide.model", 100 if options.quick else 1000
    vecinity.train(text, wide, kind="text", dim=dim, min_count=2, epochs=1, window=1, negatives=1, threads=1)
    run = subprocess.run([sys.executable, "-c", LOAD, wide], check=True, capture_output=True, text=True)
    own, mapped, matrices = map(float, run.stdout.split())
    return {"dim": dim, "matrices_mib": matrices, "own_mib": own, "mapped_mib": mapped}


PARTS: dict[str, Callable[[Path, Path, argparse.Namespace], Entry]] = {
    "program": beside_the_program,
    "lists": beside_gensim,
    "memory": memory,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/python/run", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="few epochs, one round: does it all work? The record goes under .cache")
    add("--only", type=lambda text: text.split(","), help=f"parts, by commas, of: {', '.join(PARTS)}")
    add("--rounds", type=int, default=5, help="rounds beside the program (5); beside gensim at most 3")
    add("--text", type=Path, help="another text than the demo's")
    add("--epochs", type=int, default=20, help="epochs beside the program (20)")
    options = parser.parse_args()
    if unknown := set(options.only or []) - set(PARTS):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}")
    if options.quick:
        options.rounds, options.epochs = 1, 2
    return options


if __name__ == "__main__":
    main()
