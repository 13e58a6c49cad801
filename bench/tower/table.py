#!/usr/bin/env python3
"""Turns a record of the bench into a readable Markdown table. usage: table.py RECORD.json"""

from collections.abc import Iterable, Sequence
from statistics import median

import layout  # noqa: F401  (makes bench/common known)
from common.markdown import OURS, Entry, Render, head, listed, main, page, spread, table


def markdown(record: Entry) -> str:
    """The whole record as Markdown."""
    sections: dict[str, Render] = {
        "full": _full,
        "accuracy": _accuracy,
        "sampled": _sampled,
        "growth": _growth,
    }
    return page(_head(record), sections, record)


def _head(record: Entry) -> list[str]:
    versions = (f"{name} {version}" for name, version in record["programs"].items())
    return [
        *head("Tower", record, versions),
        f"Network: {listed(record['settings'])}. How it is all taken: `bench/tower/README.md`. Ratios are of medians; in "
        "brackets least and most.",
    ]


def rates(runs: Sequence[Entry], clock: str) -> list[float]:
    """Thousand examples a second of `clock`, "wall" or "cpu"."""
    return [run["examples"] / run[clock] / 1000 for run in runs]


def _speeds(name: Sequence[str], all_runs: dict[str, list[Entry]]) -> Iterable[tuple[str, ...]]:
    for program, runs in all_runs.items():
        cells = []
        for clock in ("wall", "cpu"):
            own, ours = rates(runs, clock), median(rates(all_runs[OURS], clock))
            cells += [spread(own), "" if program == OURS else f"{ours / median(own):.2f} ×"]
        yield (*name, program, *cells, f"{median(run['peak_mib'] for run in runs):,.0f}")


SPEEDS = ("program", "thousand examples a second", "ours is faster by", "a CPU second", "ours is faster by", "peak MiB")


def _full(entries: list[Entry]) -> list[str]:
    rows = [row for entry in entries for row in _speeds((entry["data"], str(entry["threads"])), entry["runs"])]
    return ["## Full softmax", "", *table(("data", "threads", *SPEEDS), rows)]


def _accuracy(entries: list[Entry]) -> list[str]:
    rows = [
        (
            *(entry["program"], str(entry["seed"]), str(entry["epochs"]), str(entry["threads"])),
            *(f"{entry['scores'][name]:.4f}" for name in ("HR@10", "NDCG@10", "Cov@10")),
            *(f"{entry['losses'][-1]:.3f}", f"{entry['wall']:.0f}", f"{entry['cpu']:.0f}"),
        )
        for entry in entries
    ]
    header = ("program", "seed", "epochs", "threads", "HR@10", "NDCG@10", "Cov@10", "loss", "wall s", "CPU s")
    return ["## Accuracy on ml-1m, full softmax", "", *table(header, rows)]


def _sampled(entries: list[Entry]) -> list[str]:
    rows = [
        row
        for entry in entries
        for row in _speeds((f"{entry['items']:,}", f"{entry['negatives']:,}"), entry["runs"])
    ]
    return ["## Sampled softmax, one thread", "", *table(("items", "negatives", *SPEEDS), rows)]


def _growth(entries: list[Entry]) -> list[str]:
    rows = [
        (
            *(f"{entry['items']:,}", str(entry["threads"]), loss, spread(rates(runs, "wall"))),
            *(spread(rates(runs, "cpu")), f"{max(run['peak_mib'] for run in runs):,.0f}"),
            f"{runs[0]['memory_line_mib']:,}",
        )
        for entry in entries
        for loss, runs in entry["runs"].items()
    ]
    header = (
        *("items", "threads", "loss", "thousand examples a second", "a CPU second", "peak MiB of the process"),
        "MiB said beforehand",
    )
    return ["## A growing catalogue", "", *table(header, rows)]


if __name__ == "__main__":
    main(__doc__, markdown)
