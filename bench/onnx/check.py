"""Trains small networks of several shapes on ML-100K, exports each as ONNX and its users as npy, and compares.

ONNX Runtime runs the network on the last items of every user; the largest difference from the exported vectors must be below 1e-4.
Needs the shared data ($VECINITY_SHARED, by default ../shared beside the project) and a Rust toolchain. A minute.
"""

import argparse
import csv
import gzip
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

ROOT = Path(__file__).resolve().parent.parent.parent
USERS = Path(os.environ.get("VECINITY_SHARED", ROOT.parent / "shared")) / "data/interactions/ml-100k/users.tsv"
EVENTS = Path(os.environ.get("VECINITY_SHARED", ROOT.parent / "shared")) / "data/interactions/ml-100k/interactions.tsv.gz"
WIDEST = 1e-4
SHAPES = {
    "default": [],
    "all pools, two layers": ["--mean", "--last", "--hidden", "128,64", "--history", "20", "--dim", "20"],
    "weights by place alone": ["--attention", "false"],
    "products": ["--temperature", "0"],
    "two vectors an item": ["--tied", "false"],
    "linear, the paper's mean": ["--pools", "0", "--mean", "--hidden", "none"],
    "all that is known": [
        *("--features", "age:number,gender,zip,occupation:words", "--example-age", "--words", "5"),
        *("--user-metadata", str(USERS)),
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/onnx/run", description=__doc__)
    parser.add_argument("--vecinity", type=Path, help="a binary to use in place of a fresh release build")
    program = parser.parse_args().vecinity or build()
    far = False
    for name, flags in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            widest, users = difference(program.resolve(), flags, Path(folder))
        far |= not widest < WIDEST
        print(f"{name}: {users} users, largest difference {widest:.1e}", flush=True)
    if far:
        raise SystemExit(f"a difference is not below {WIDEST}")


def build() -> Path:
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "vecinity-cli"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "vecinity"


def difference(program: Path, flags: list[str], folder: Path) -> tuple[float, int]:
    def run(*words: str | Path) -> None:
        subprocess.run([program, *words, "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    how = ["--model", "youtube", "--epochs", "2", "--holdout", "none", "--progress", "none"]
    run("train", EVENTS, "-o", "m", *how, *flags)
    run("export", "m", "--format", "onnx", "-o", "tower.onnx")
    run("export", "m", "--format", "npy", "-o", "users.npy", "--users", EVENTS)
    run("export", "m", "--format", "npy", "-o", "items.npy", "--vectors", "output")
    users = (folder / "users.ids.txt").read_text().split()
    rows = {item: row for row, item in enumerate((folder / "items.ids.txt").read_text().split())}
    session = onnxruntime.InferenceSession(folder / "tower.onnx")
    asked = {"history": newest(users, rows, session.get_inputs()[0].shape[1])}
    if (schema := folder / "m" / "features.json").exists():
        asked |= known(users, json.loads(schema.read_text())["users"], asked["history"])
    found = session.run(None, asked)[0]
    return float(np.abs(found - np.load(folder / "users.npy")).max()), len(users)


def known(users: list[str], fields: list[dict], history: np.ndarray) -> dict[str, np.ndarray]:
    """What else the network reads, by the rules of docs/format.md."""
    with USERS.open() as file:
        of = {row["user"]: row for row in csv.DictReader(file, delimiter="\t")}
    categories, numbers, bags, first = [], [], [[] for _ in users], 0
    for field in fields:
        values = field.get("values", [])
        texts = ["0" if field["kind"] == "age" else of[user][field["name"]] for user in users]
        row = lambda text: first + (values.index(text) + 1 if text in values else 0)  # noqa: E731
        match field["kind"]:
            case "category":
                categories.append([row(text) for text in texts])
            case "words":
                # Every event of a user says the same words.
                for bag, text, seen in zip(bags, texts, history):
                    bag += [row(word) for word in re.findall(r"\w+", text.lower())] * int((seen >= 0).sum())
            case _:
                steps = np.array(field["steps"], np.float64)
                share = np.interp([float(text) for text in texts], steps, np.arange(len(steps)) / (len(steps) - 1))
                numbers += [share, share**2, np.sqrt(share), np.zeros(len(users))]
        first += len(values) + 1 if field["kind"] in ("category", "words") else 0
    words = np.full((len(users), 5), -1, np.int64)
    for to, bag in zip(words, bags):
        to[: len(bag[-5:])] = bag[-5:]
    return {"categories": np.array(categories).T, "numbers": np.array(numbers, np.float32).T, "words": words}


def newest(users: list[str], rows: dict[str, int], places: int) -> np.ndarray:
    """The last items of every user, the newest first, -1 where there is none; the first time of an item counts."""
    with gzip.open(EVENTS, "rt") as file:
        header = file.readline().rstrip("\n").split("\t")
        user, item, time = (header.index(name) for name in ("user", "item", "ts"))
        events = [line.rstrip("\n").split("\t") for line in file]
    histories: dict[str, dict[str, None]] = {}
    for event in sorted(events, key=lambda event: int(event[time])):
        histories.setdefault(event[user], {}).setdefault(event[item])
    asked = np.full((len(users), places), -1, np.int64)
    for number, name in enumerate(users):
        last = [rows[item] for item in histories[name] if item in rows][-places:][::-1]
        asked[number, : len(last)] = last
    return asked


if __name__ == "__main__":
    main()
