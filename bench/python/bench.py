"""Training from Python beside the program; from a list of lists beside gensim; memory of a loaded model.

    bench/python/run [--rounds 5] [--text FILE] [--epochs 20]     (--built first: nothing is built or installed)

All on one thread, rounds alternating, medians of their ratios. The text is the demo's unless another is named.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = {"kind": "text", "dim": 100, "window": 5, "negatives": 5, "min_count": 5, "subsample": 1e-4, "threads": 1}

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = arguments.text or unpacked(Path(folder))
        found = {
            "machine": platform.processor() or platform.machine(),
            "program": beside_the_program(text, Path(folder), arguments),
            "gensim": beside_gensim(text, arguments),
            "memory": memory(text, Path(folder)),
        }
    print(json.dumps(found), file=sys.stderr)
    program, gensim, memory_of = found["program"], found["gensim"], found["memory"]
    print(f"""| what | figure |
|---|---|
| training from Python / the program, the same file: tokens a second | {program["training"]:.3f} ({program["low"]:.3f} to {program["high"]:.3f}) |
| whole run, reading and writing included: seconds of Python / of the program | {program["whole"]:.3f} |
| the same bytes | {"yes" if program["same"] else "NO"} |
| from a list of lists: seconds of gensim / ours, conversion included | {gensim["ratio"]:.1f} ({gensim["theirs"]:.1f} s / {gensim["ours"]:.1f} s) |
| of ours: conversion of {gensim["tokens"]:,} tokens | {gensim["conversion"]:.2f} s |
| a loaded model whose matrices take {memory_of["matrices"]:.0f} MiB, all read: memory of its own | {memory_of["own"]:.0f} MiB |
| ... and pages of the mapped file | {memory_of["mapped"]:.0f} MiB |""")


def unpacked(folder: Path) -> Path:
    text = folder / "factbook.txt"
    text.write_bytes(gzip.decompress((ROOT / "data/demo/factbook.txt.gz").read_bytes()))
    return text


def beside_the_program(text: Path, folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    settings = {**SETTINGS, "epochs": arguments.epochs, "seed": 1}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    program = [ROOT / "target/release/vecinity", "train", text, "-o", folder / "a.model", "--quiet", *flags]
    python = [sys.executable, "-c", f"import vecinity; vecinity.train({str(text)!r}, {str(folder / 'b.model')!r}, **{settings!r})"]
    rates: list[float] = []
    wholes: list[float] = []
    for _ in range(arguments.rounds):
        seconds, whole = {}, {}
        for name, command in (("a", program), ("b", python)):
            begun = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            whole[name] = time.perf_counter() - begun
            manifest = json.loads((folder / f"{name}.model/MANIFEST.json").read_text())
            seconds[name] = manifest["origin"]["seconds"]
        rates.append(seconds["a"] / seconds["b"])
        wholes.append(whole["b"] / whole["a"])
    same = all((folder / f"a.model/{name}").read_bytes() == (folder / f"b.model/{name}").read_bytes()
               for name in ("vectors.safetensors", "vocab.safetensors", "config.toml"))
    return {
        "training": statistics.median(rates),
        "low": min(rates),
        "high": max(rates),
        "whole": statistics.median(wholes),
        "same": same,
    }


def beside_gensim(text: Path, arguments: argparse.Namespace) -> dict[str, float]:
    import gensim
    import vecinity

    sentences = [line.split() for line in text.read_text(encoding="utf-8").splitlines()]
    given = {"vector_size": 100, "window": 5, "min_count": 5, "sg": 1, "negative": 5, "sample": 1e-4, "workers": 1, "epochs": 3}
    ours, theirs, conversions = [], [], []
    for _ in range(min(arguments.rounds, 3)):
        begun = time.perf_counter()
        model = vecinity.Word2Vec(sentences, **given)
        ours.append(time.perf_counter() - begun)
        assert model.model is not None
        conversions.append(ours[-1] - model.model.manifest["origin"]["seconds"])
        begun = time.perf_counter()
        gensim.models.Word2Vec(sentences, **given)
        theirs.append(time.perf_counter() - begun)
    return {
        "ours": statistics.median(ours),
        "theirs": statistics.median(theirs),
        "ratio": statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
        "conversion": statistics.median(conversions),
        "tokens": sum(map(len, sentences)),
    }


def memory(text: Path, folder: Path) -> dict[str, float]:
    import vecinity

    wide = folder / "wide.model"
    vecinity.train(text, wide, kind="text", dim=1000, min_count=2, epochs=1, window=1, negatives=1, threads=1)
    run = subprocess.run([sys.executable, "-c", LOAD, wide], check=True, capture_output=True, text=True)
    own, mapped, matrices = map(float, run.stdout.split())
    return {"own": own, "mapped": mapped, "matrices": matrices}


if __name__ == "__main__":
    main()
