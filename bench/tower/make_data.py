"""Child process of the bench: histories as numbers, from a log by the shared scorer's split or drawn by Zipf's law."""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    log = kinds.add_parser("log")
    log.add_argument("scorer", type=Path)
    log.add_argument("name")
    log.add_argument("train", type=Path)
    log.add_argument("asked", type=Path)
    zipf = kinds.add_parser("zipf")
    zipf.add_argument("items", type=int)
    zipf.add_argument("histories", type=int)
    zipf.add_argument("out", type=Path)
    options = parser.parse_args()
    if options.kind == "log":
        data = load(options.scorer).Data(options.name, "loo")
        write(options.train, data.n_items, data.train)
        write(options.asked, data.n_items, data.hist)
    else:
        write(options.out, options.items, drawn(options.items, options.histories))


def load(path: Path) -> Any:
    """The scorer as a module."""
    spec = importlib.util.spec_from_file_location("eval_recs", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def drawn(items: int, histories: int, length: int = 41) -> list[np.ndarray]:
    """Histories of items drawn by Zipf's law (exponent 1), their numbers in random order."""
    rng = np.random.default_rng(1)
    chances = 1 / np.arange(1, items + 1)
    sums = np.cumsum(chances / chances.sum())
    ranks = np.minimum(np.searchsorted(sums, rng.random((histories, length)), "right"), items - 1)
    return list(rng.permutation(items)[ranks])


def write(path: Path, items: int, histories: list[np.ndarray]) -> None:
    lengths = [len(history) for history in histories]
    numbers = np.concatenate([[items, len(histories)], lengths, *histories])
    part = path.with_suffix(".part")
    numbers.astype("<u4").tofile(part)
    part.replace(path)


if __name__ == "__main__":
    main()
