"""Child process of the bench: what the shared scorer makes of vectors, or of lists, from whatever program."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scorer", type=Path)
    parser.add_argument("data")
    parser.add_argument("protocol")
    parser.add_argument("--vectors", type=Path, nargs=2, help="input and output matrix in word2vec's binary format")
    parser.add_argument("--lists", type=Path, help="user<TAB>item item ...")
    parser.add_argument("--last", type=int, default=0, help="how many items of a history are asked; 0: all")
    arguments = parser.parse_args()
    recs = load(arguments.scorer)
    data = recs.Data(arguments.data, arguments.protocol)
    if arguments.lists:
        print(json.dumps({"lists": recs.evaluate(data, by_lists(data, arguments.lists))}))
        return
    inputs, outputs = (matrix(path, data.iid) for path in arguments.vectors)
    alike = unit(inputs)
    print(
        json.dumps(
            {
                "input -> output, dot": recs.evaluate(data, by_vectors(data, inputs, outputs, arguments.last)),
                "input, cosine": recs.evaluate(data, by_vectors(data, alike, alike, arguments.last)),
            }
        )
    )


def load(path: Path) -> Any:
    """The scorer as a module."""
    spec = importlib.util.spec_from_file_location("eval_recs", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def matrix(path: Path, rows: dict[str, int]) -> np.ndarray:
    """Vectors by the scorer's numbers of the items; one that the program does not know stays NaN, which never hits."""
    with path.open("rb") as file:
        count, dim = map(int, file.readline().split())
        vectors = np.full((len(rows), dim), np.nan, np.float32)
        for _ in range(count):
            name = bytearray()
            while (letter := file.read(1)) != b" ":
                if not letter:
                    raise SystemExit(f"{path.name} ends too early")
                name += letter.strip(b"\n")
            vector = np.frombuffer(file.read(4 * dim), np.float32)
            row = rows.get(name.decode())
            if row is not None:
                vectors[row] = vector
    return vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_vectors(data: Any, history: np.ndarray, candidates: np.ndarray, last: int) -> Any:
    """Scores by the sum over the history, all items alike."""

    def score(rows: np.ndarray) -> np.ndarray:
        asked = [data.hist[row][-last:] for row in rows]
        return np.stack([np.nan_to_num(history[items]).sum(0) for items in asked]) @ candidates.T

    return score


def by_lists(data: Any, path: Path) -> Any:
    """Scores that fall along each user's list."""
    lists = {}
    for line in path.read_text().splitlines():
        user, items = line.split("\t")
        lists[user] = [data.iid[item] for item in items.split() if item in data.iid]

    def score(rows: np.ndarray) -> np.ndarray:
        scores = np.full((len(rows), data.n_items), -np.inf, np.float32)
        for at, row in enumerate(rows):
            items = lists.get(data.users[row], [])
            scores[at, items] = -np.arange(len(items))
        return scores

    return score


if __name__ == "__main__":
    main()
