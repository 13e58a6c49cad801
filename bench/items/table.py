#!/usr/bin/env python3
"""Turns a record of the bench into a readable Markdown table. usage: table.py RECORD.json"""

from collections.abc import Sequence
from statistics import mean, median, stdev

import layout  # noqa: F401  (makes bench/common known)
from common.markdown import OURS, Entry, Render, head, listed, main, page, spread, table


def markdown(record: Entry) -> str:
    """The whole record as Markdown."""
    sections: dict[str, Render] = {
        "train": _train,
        "baselines": _baselines,
        "read": _read,
        "evaluate": _evaluate,
        "neighbours": _neighbours,
    }
    return page(_head(record), sections, record)


def seconds_an_epoch(pairs: Sequence[Entry], clock: str) -> list[float]:
    """Seconds of `clock` ("wall" or "cpu") of one epoch, one figure for each pair of runs."""
    return [(pair["long"][clock] - pair["short"][clock]) / pair["epochs"] for pair in pairs]


def _head(record: Entry) -> list[str]:
    versions = (f"{name} {version}" for name, version in record["programs"].items())
    return [
        *head("Items", record, versions),
        f"item2vec: {listed(record['settings'])}. How it is all taken: `bench/items/README.md`. Ratios are of medians; "
        "in brackets least and most.",
    ]


def _train(entries: list[Entry]) -> list[str]:
    rows = []
    for entry in entries:
        ours = median(seconds_an_epoch(entry["times"][OURS], "cpu"))
        for program, pairs in entry["times"].items():
            cpu = seconds_an_epoch(pairs, "cpu")
            tokens = f"{entry['tokens'] / median(cpu) / 1000:,.0f}"
            ratio = "" if program == OURS else f"{median(cpu) / ours:.2g} ×"
            runs = entry["scores"][program]
            epochs = str(runs[0]["epochs"]) if runs else ""
            ways = ("input -> output, dot", "input, cosine")
            scores = [_mean([run["scores"][way]["HR@10"] for run in runs]) for way in ways]
            rows.append((entry["task"], entry["kind"], program, spread(cpu), tokens, ratio, epochs, *scores))
    header = (
        *("data", "form", "program", "CPU s an epoch", "thousand items a CPU s", "ours is faster by", "epochs"),
        *("HR@10 in -> out, dot", "HR@10 in, cosine"),
    )
    return ["## Training and accuracy", "", *table(header, rows)]


def _baselines(entries: list[Entry]) -> list[str]:
    rows = []
    for entry in entries:
        for program, runs in entry["times"].items():
            cells = [
                spread([run[step][clock] for run in runs]) for step in ("fit", "lists") for clock in ("wall", "cpu")
            ]
            score = entry["scores"][program]["HR@10"]
            peak = f"{max(run['peak_mib'] for run in runs):,.0f}"
            rows.append((entry["model"], program, *cells, f"{score:.3f}", peak))
    threads = entries[0]["threads"]
    header = ("model", "program", "fit, wall s", "CPU s", "ten items for all, wall s", "CPU s", "HR@10", "peak MiB")
    return [f"## Baselines on ml-1m, {threads} threads", "", *table(header, rows)]


def _read(entries: list[Entry]) -> list[str]:
    rows = []
    for entry in entries:
        base = {clock: median(run[clock] for run in entry["runs"][OURS]) for clock in ("wall", "cpu")}
        for program, runs in entry["runs"].items():
            cells = []
            for clock in ("wall", "cpu"):
                values = [run[clock] for run in runs]
                cells += [spread(values), "" if program == OURS else f"{median(values) / base[clock]:.2f} ×"]
            peak = f"{median(run['peak_mib'] for run in runs):,.0f}"
            rows.append((f"{entry['rows']:,}", entry["format"], program, *cells, peak))
    header = ("events", "format", "program", "wall s", "of ours", "CPU s", "of ours", "peak MiB")
    return [f"## Reading a log into histories, {entries[0]['threads']} threads", "", *table(header, rows)]


def _evaluate(entries: list[Entry]) -> list[str]:
    rows = []
    for entry in entries:
        for program in (OURS, "numpy"):
            run = entry[program]
            rows.append(
                (
                    *(f"{entry['items']:,}", f"{entry['queries']:,}", str(entry["threads"]), program),
                    *(f"{run['wall']:.1f}", f"{run['cpu']:.1f}", f"{run['peak_mib']:,.0f}"),
                )
            )
    header = ("items", "users", "threads", "program", "wall s", "CPU s", "peak MiB")
    note = "Full ranking of one target a user, and the first ten. numpy: a sample of the users, scaled."
    return ["## Evaluating a large catalogue", "", note, "", *table(header, rows)]


def _neighbours(entries: list[Entry]) -> list[str]:
    rows = []
    for entry in entries:
        medians = {program: [run["median"] for run in runs] for program, runs in entry["times"].items()}
        for program, values in medians.items():
            ratio = "" if program == OURS else f"{median(values) / median(medians[OURS]):.2f} ×"
            rows.append((f"{entry['rows']:,}", str(entry["dim"]), str(entry["threads"]), program, spread(values), ratio))
    header = ("vectors", "dim", "threads", "program", "ms a question", "ours is faster by")
    note = "Ten nearest by cosine, exact, one question at a time: medians of a run's questions."
    return ["## Exact neighbours", "", note, "", *table(header, rows)]


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
    return f"{mean(values):.4f}{spread}"


if __name__ == "__main__":
    main(__doc__, markdown)
