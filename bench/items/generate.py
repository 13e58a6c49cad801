"""Child process of the bench: writes the generated event log as CSV and as Parquet. Same arguments, same bytes."""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

# Ids are drawn with probability 1 / (rank + SHIFT)^EXPONENT: a few heavy users, a long tail of items.
USER_EXPONENT, USER_SHIFT = 0.6, 100
ITEM_EXPONENT, ITEM_SHIFT = 1.0, 20
# Events reach the log in the order of time, but up to so many seconds late: somebody has to sort.
LATEST = 600
FIRST_TIME, SPAN = 1_700_000_000, 365 * 86_400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("parquet", type=Path)
    for name in ("rows", "users", "items", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    log = events(np.random.default_rng(arguments.seed), arguments.rows, arguments.users, arguments.items)
    log.write_csv(arguments.csv)
    log.write_parquet(arguments.parquet)


def events(chance: np.random.Generator, rows: int, users: int, items: int) -> pl.DataFrame:
    """A log of `rows` events with ids as strings, epoch seconds, and ratings from 0.5 to 5."""
    arrival = np.sort(chance.integers(FIRST_TIME, FIRST_TIME + SPAN, rows))
    return pl.DataFrame(
        {
            "user": ids(chance, "u", users, USER_EXPONENT, USER_SHIFT, rows),
            "item": ids(chance, "i", items, ITEM_EXPONENT, ITEM_SHIFT, rows),
            "time": arrival - chance.integers(0, LATEST, rows),
            "weight": chance.integers(1, 11, rows) / 2,
        }
    )


def ids(chance: np.random.Generator, letter: str, many: int, exponent: float, shift: int, rows: int) -> pl.Series:
    """Strings such as `u0031415` whose order has nothing to do with how often they occur."""
    names = pl.Series([f"{letter}{number:07d}" for number in chance.permutation(many)])
    weight = (np.arange(many) + shift) ** -exponent
    ends = np.cumsum(weight / weight.sum())
    ranks = np.searchsorted(ends, chance.random(rows)).clip(max=many - 1)
    return names.gather(pl.Series(ranks, dtype=pl.UInt32))


if __name__ == "__main__":
    main()
