#!/usr/bin/env python3
"""Writes the table of the README from records of the bench. usage: readme.py RECORD.json [MORE.json ...] README.md"""

import json
import sys
from pathlib import Path
from statistics import mean, median
from typing import Any

from table import TITLES, words_per_second  # makes bench/common known

from common.readme import put  # noqa: I001

Entry = dict[str, Any]
# What tells the entries of a part apart.
PARTS = {"speed": ("task", "dim", "threads"), "accuracy": ("program", "task", "dim", "seed")}
NAMES = {
    "vecinity": "**Vecinity**",
    "vecinity-window": "**Vecinity**, `--noise-sharing window`",
    "gensim": "gensim",
    "word2vec.c": "word2vec.c",
    "fasttext": "fastText",
}


def main() -> None:
    records, readme = [json.loads(Path(path).read_text()) for path in sys.argv[1:-1]], Path(sys.argv[-1])
    put(readme, "words", render({**records[0], **{part: merged(records, part, keys) for part, keys in PARTS.items()}}))


def merged(records: list[Entry], part: str, keys: tuple[str, ...]) -> list[Entry]:
    """A part of all records; of what several have, that of the first."""
    entries = {}
    for entry in (entry for record in records for entry in record.get(part, [])):
        entries.setdefault(tuple(entry[key] for key in keys), entry)
    return list(entries.values())


def render(record: Entry) -> str:
    """One table: a row a task and program, at 100 dimensions and one thread."""
    lines = [
        "| | thousand words a CPU second | Vecinity is faster by | peak memory, MiB | analogies %, mean (seeds) | WS-353 | SimLex |",
        "|---|---|---|---|---|---|---|",
    ]
    counts: list[int] = []
    chosen = [cell for cell in record["speed"] if (cell["dim"], cell["threads"]) == (100, 1)]
    for cell in sorted(chosen, key=lambda cell: list(TITLES).index(cell["task"])):
        lines.append(f"| *{TITLES[cell['task']]}* | | | | | | |")
        rates = {name: median(words_per_second(pairs, cell["words"], "cpu")) for name, pairs in cell["pairs"].items()}
        for name, pairs in cell["pairs"].items():
            if name == "vecinity-window" and cell["task"] != "sg-ns":
                continue
            counts.append(len(pairs))
            peak = max(pair["short"]["peak_mib"] for pair in pairs)
            ratio = rates["vecinity"] / rates[name]
            scores = accuracy(record, name, cell["task"])
            lines.append(f"| {NAMES[name]} | {rates[name] / 1e3:,.0f} | {ratio:.2g} x | {peak:.0f} | {scores} |")
    machine, rounds = record["machine"], "-".join(str(number) for number in sorted(set(counts)))
    lines += [
        "",
        f"{machine['cpu']}, {machine['cores']} cores, {record['date']}: training only, one thread, 100 dimensions, window 5, "
        f"5 negatives, subsampling 1e-4, 3.2 M words, {rounds} rounds; accuracy after 5 epochs of 19 M words by one scorer "
        "for all, a dash where it was not taken on this machine. `bench/words/run` measures it on your machine.",
    ]
    return "\n".join(lines)


def accuracy(record: Entry, program: str, task: str) -> str:
    """Means over the seeds, or dashes where nothing was measured."""
    runs = [
        run["scores"]
        for run in record.get("accuracy", [])
        if (run["program"], run["task"], run["dim"]) == (program, task, 100)
    ]
    if not runs:
        return "- | - | -"
    analogy, ws353, simlex = (mean(run[key] for run in runs) for key in ("analogy", "ws353", "simlex999"))
    return f"{analogy:.1f} ({len(runs)}) | {ws353:.1f} | {simlex:.1f}"


if __name__ == "__main__":
    main()
