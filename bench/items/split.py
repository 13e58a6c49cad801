"""Child process of the bench: splits a log with the shared scorer and writes the training part as lines."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from data import Lines

Rows = dict[str, list[str]]


def main() -> None:
    scorer, name, protocol, facts = sys.argv[1:]
    subprocess.run([sys.executable, scorer, "split", name, protocol], check=True)
    split = Path(os.environ["VECINITY_SPLITS"]) / name / protocol
    rows = baskets(split / "train.txt") if protocol == "basket" else histories(split / "train.tsv")
    made = Lines(
        name=name,
        kind="set" if protocol == "basket" else "sequence",
        tokens=sum(map(len, rows.values())),
        lines=len(rows),
        longest=max(map(len, rows.values())),
    )
    made.path.write_text("".join(" ".join(items) + "\n" for items in rows.values()))
    if protocol == "loo":
        for user, items in histories(split / "valid.tsv").items():
            rows[user] += items
        asked = histories(split / "test.tsv")
        made.asked.write_text("".join(f"{user}\t{' '.join(rows[user])}\n" for user in asked))
    Path(facts).write_text(json.dumps(asdict(made)))


def histories(path: Path) -> Rows:
    """The items of each user, in order."""
    rows: Rows = {}
    for line in path.read_text().splitlines():
        user, item, _ = line.split("\t")
        rows.setdefault(user, []).append(item)
    return rows


def baskets(path: Path) -> Rows:
    """A set a line."""
    return {str(at): line.split() for at, line in enumerate(path.read_text().splitlines())}


if __name__ == "__main__":
    main()
