#!/usr/bin/env python3
"""New listings against the generator's own taste: how many of the ten nearest are among the ten that it puts nearest.

usage: cold.py FOLDER MODEL ...   (FOLDER as generate.py made it; models of its sessions before day 162, made larger by vecinity add)

The taste of two listings of a market: the distance of their places over 0.6 and of their log prices over 0.3, as guests browse
alike listings in generate.py, and that of their styles, which guests weigh by normal numbers of deviation 0.8. Neighbours are
looked for among the listings that training knew; new listings are those created on day 162 or later.
"""
import csv
import json
import sys
from pathlib import Path

import numpy as np


def tensor(path: Path, name: str) -> np.ndarray:
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        start = file.tell()
        entry = header[name]
        kind = {"F32": np.float32, "U64": np.uint64, "U8": np.uint8}[entry["dtype"]]
        file.seek(start + entry["data_offsets"][0])
        return np.frombuffer(file.read(entry["data_offsets"][1] - entry["data_offsets"][0]), kind).reshape(entry["shape"])


def vectors(model: Path) -> tuple[dict[str, int], np.ndarray]:
    vocab = model / "vocab.safetensors"
    text, ends = tensor(vocab, "bytes").tobytes(), tensor(vocab, "ends").astype(int)
    ids = [text[a:b].decode() for a, b in zip(np.r_[0, ends[:-1]], ends)]
    found = tensor(model / "vectors.safetensors", "input")
    return {id: row for row, id in enumerate(ids)}, found / np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)


def main() -> None:
    folder, models = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    with open(folder / "listings.tsv") as file:
        listings = list(csv.DictReader(file, delimiter="\t"))
    market = np.array([int(row["market"]) for row in listings])
    place = np.array([[float(row["x"]), float(row["y"])] for row in listings])
    price = np.log([float(row["price"]) for row in listings])
    style = np.load(folder / "truth.npz")["style"]
    new = np.array([int(row["day_created"]) >= 162 for row in listings])
    for model in models:
        rows, unit = vectors(model)
        row = np.array([rows.get(entry["listing"], -1) for entry in listings])
        warm = np.flatnonzero((row >= 0) & ~new)
        shares = {}
        for name, asked in [("warm", warm), ("new", np.flatnonzero((row >= 0) & new))]:
            hits = []
            for at in asked:
                others = warm[warm != at]
                near = others[market[others] == market[at]]
                far = ((place[near] - place[at]) ** 2).sum(1) / 0.6**2 + (price[near] - price[at]) ** 2 / 0.3**2
                far += 0.8**2 * ((style[near] - style[at]) ** 2).sum(1)
                truth = set(near[np.argsort(far)[:10]])
                found = others[np.argsort(-(unit[row[others]] @ unit[row[at]]))[:10]]
                hits.append(len(truth & set(found)) / 10)
            shares[name] = (len(hits), np.mean(hits), np.std(hits) / max(len(hits), 1) ** 0.5)
        (n, cold, error), (_, known, _) = shares["new"], shares["warm"]
        print(f"{model}\tnew {cold:.3f} ± {error:.3f} of {n}\tknown {known:.3f}\tshare {cold / known:.2f}", flush=True)


if __name__ == "__main__":
    main()
