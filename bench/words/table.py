#!/usr/bin/env python3
"""Turns a record of the bench into a readable Markdown table. usage: table.py RECORD.json"""

from collections.abc import Iterable, Sequence
from statistics import mean, median, stdev
from typing import Any

import layout  # noqa: F401  (makes bench/common known)
from common.markdown import OURS, Entry, Render, head, listed, main, number, page, spread, table

TITLES = {
    "sg-ns": "Skip-gram, negative sampling",
    "cbow-ns": "CBOW, negative sampling",
    "sg-hs": "Skip-gram, hierarchical softmax",
}
SCORES = {
    "analogy": "analogy, all",
    "analogy_sem": "semantic",
    "analogy_syn": "syntactic",
    "ws353": "WS-353",
    "simlex999": "SimLex-999",
}


def markdown(record: Entry) -> str:
    """The whole record as Markdown."""
    sections: dict[str, Render] = {
        "speed": _speed,
        "vocabulary": _vocabulary,
        "accuracy": _accuracy,
        "epochs": _epochs,
    }
    return page(_head(record), sections, record)


def words_per_second(pairs: Sequence[Entry], words: int, clock: str) -> list[float]:
    """Raw corpus words trained in a second of `clock` ("wall" or "cpu"), one figure for each pair of runs."""
    return [words * (pair["long_epochs"] - 1) / (pair["long"][clock] - pair["short"][clock]) for pair in pairs]


def _head(record: Entry) -> list[str]:
    versions = (f"{name} {facts['version']}" for name, facts in record["programs"].items())
    return [
        *head("Word embeddings", record, versions),
        f"Settings: {listed(record['settings']['hyperparameters'])}. How the times are taken, and how the programs differ: "
        "`bench/words/README.md`.",
    ]


def _speed(cells: list[Entry]) -> list[str]:
    lines = [
        "## Training speed",
        "",
        "Thousand corpus words a second, training only: median (least to most). `ours` is how many times faster",
        "vecinity is, by the medians. The last columns are of the whole one-epoch run, start-up and output included.",
    ]
    header = (
        *("dim", "threads", "program", "per wall second", "ours", "per CPU second", "ours"),
        *("one epoch, wall s", "CPU s", "peak MiB", "epochs timed", "rounds"),
    )
    for task, title in TITLES.items():
        chosen = sorted((c for c in cells if c["task"] == task), key=lambda c: (c["dim"], c["threads"]))
        if chosen:
            lines += ["", f"### {title}", "", *table(header, (row for cell in chosen for row in _speed_rows(cell)))]
    gains = list(_gain_rows(cells))
    if gains:
        columns = ("task", "dim", "threads", "program", "gain over one thread (wall)")
        lines += ["", "### Gain by threads", "", *table(columns, gains)]
    return lines


def _speed_rows(cell: Entry) -> Iterable[Sequence[str]]:
    for program, pairs in cell["pairs"].items():
        short = [pair["short"] for pair in pairs]
        yield (
            *(str(cell["dim"]), str(cell["threads"]), program),
            *(_rate(cell, program, "wall"), _ratio(cell, program, "wall")),
            *(_rate(cell, program, "cpu"), _ratio(cell, program, "cpu")),
            *(number(median(usage[key] for usage in short)) for key in ("wall", "cpu", "peak_mib")),
            *(str(pairs[0]["long_epochs"] - 1), str(len(pairs))),
        )


def _rates(cell: Entry, program: str, clock: str) -> list[float]:
    return words_per_second(cell["pairs"][program], cell["words"], clock)


def _rate(cell: Entry, program: str, clock: str) -> str:
    return spread([rate / 1000 for rate in _rates(cell, program, clock)])


def _ratio(cell: Entry, program: str, clock: str) -> str:
    if program == OURS or OURS not in cell["pairs"]:
        return ""
    return f"{number(median(_rates(cell, OURS, clock)) / median(_rates(cell, program, clock)))} ×"


def _gain_rows(cells: list[Entry]) -> Iterable[Sequence[str]]:
    alone = {(cell["task"], cell["dim"]): cell for cell in cells if cell["threads"] == 1}
    for cell in cells:
        base = alone.get((cell["task"], cell["dim"]))
        if cell["threads"] == 1 or base is None:
            continue
        for program in (name for name in cell["pairs"] if name in base["pairs"]):
            gain = median(_rates(cell, program, "wall")) / median(_rates(base, program, "wall"))
            yield cell["task"], str(cell["dim"]), str(cell["threads"]), program, f"{gain:.2f}"


def _vocabulary(entries: list[Entry]) -> list[str]:
    lines = [
        "## Vocabulary pass",
        "",
        "MB of text a second. gensim: its `build_vocab` alone; the others: a whole process that only counts.",
        "",
    ]
    header = ("program", "per wall second", "per CPU second")
    return lines + table(header, ((entry["program"], *_megabytes(entry)) for entry in entries))


def _megabytes(entry: Entry) -> list[str]:
    return [spread([entry["bytes"] / 1e6 / run[clock] for run in entry["runs"]]) for clock in ("wall", "cpu")]


def _accuracy(entries: list[Entry]) -> list[str]:
    lines = ["## Accuracy", "", "Percent: mean over the seeds ± standard deviation. CPU seconds of the whole process."]
    header = ("dim", "epochs", "threads", "program", "seeds", *SCORES.values(), "CPU s")
    for task, title in TITLES.items():
        groups: dict[tuple[Any, ...], list[Entry]] = {}
        for entry in entries:
            if entry["task"] == task:
                key = tuple(entry[name] for name in ("dim", "epochs", "threads", "program"))
                groups.setdefault(key, []).append(entry)
        rows = ((*map(str, key), str(len(group)), *_scores(group)) for key, group in groups.items())
        if groups:
            lines += ["", f"### {title}", "", *table(header, rows)]
    return lines


def _scores(group: list[Entry]) -> Iterable[str]:
    for name in SCORES:
        values = [entry["scores"][name] for entry in group if entry["scores"][name] is not None]
        spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
        yield f"{mean(values):.2f}{spread}" if values else "none"
    yield number(mean(entry["usage"]["cpu"] for entry in group))


def _epochs(entries: list[Entry]) -> list[str]:
    lines = [
        "## Are all epochs trained?",
        "",
        "CPU seconds an added epoch takes: early and late ones must be alike, and threads must not make it less.",
        "",
    ]
    header = ("program", "threads", "first epochs added", "later ones", "verdict")
    rows = (
        (
            *(entry["program"], str(entry["threads"]), f"{entry['early']:.3f}", f"{entry['late']:.3f}"),
            "yes" if entry["all_trained"] else "NO: its accuracy and speed do not count",
        )
        for entry in entries
    )
    return lines + table(header, rows)


if __name__ == "__main__":
    main(__doc__, markdown)
