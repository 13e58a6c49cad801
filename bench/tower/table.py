#!/usr/bin/env python3
"""Turns a record of the bench into a readable Markdown table. usage: table.py RECORD.json"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Entry = dict[str, Any]
OURS = "vecinity"


def markdown(record: Entry) -> str:
    """The whole record as Markdown."""
    lines = _head(record)
    sections = (("full", _full), ("accuracy", _accuracy), ("sampled", _sampled), ("growth", _growth))
    for name, render in sections:
        if record.get(name):
            lines += ["", *render(record[name])]
    return "\n".join(lines) + "\n"


def _head(record: Entry) -> list[str]:
    machine = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in record["programs"].items())
    settings = ", ".join(f"{key} {value}" for key, value in record["settings"].items())
    return [
        f"# Tower, {record['date']}",
        "",
        f"Machine: {machine['cpu']} (family/model {machine['cpu_family_model']}), {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {', '.join(machine['flags'])}; {machine['system']}.",
        f"Programs: {versions}.",
        f"Network: {settings}. How it is all taken: `bench/tower/README.md`. Ratios are of medians; in brackets least and most.",
    ]


def rates(runs: Sequence[Entry], clock: str) -> list[float]:
    """Thousand examples a second of `clock`, "wall" or "cpu"."""
    return [run["examples"] / run[clock] / 1000 for run in runs]


def _speeds(name: Sequence[str], all_runs: dict[str, list[Entry]]) -> Iterable[tuple[str, ...]]:
    for program, runs in all_runs.items():
        cells = []
        for clock in ("wall", "cpu"):
            own, ours = rates(runs, clock), median(rates(all_runs[OURS], clock))
            cells += [_spread(own), "" if program == OURS else f"{ours / median(own):.2f} ×"]
        yield (*name, program, *cells, f"{median(run['peak_mib'] for run in runs):,.0f}")


SPEEDS = ("program", "thousand examples a second", "ours is faster by", "a CPU second", "ours is faster by", "peak MiB")


def _full(entries: list[Entry]) -> list[str]:
    rows = [row for entry in entries for row in _speeds((entry["data"], str(entry["threads"])), entry["runs"])]
    return ["## Full softmax", "", *_table(("data", "threads", *SPEEDS), rows)]


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
    return ["## Accuracy on ml-1m, full softmax", "", *_table(header, rows)]


def _sampled(entries: list[Entry]) -> list[str]:
    rows = [
        row
        for entry in entries
        for row in _speeds((f"{entry['items']:,}", f"{entry['negatives']:,}"), entry["runs"])
    ]
    return ["## Sampled softmax, one thread", "", *_table(("items", "negatives", *SPEEDS), rows)]


def _growth(entries: list[Entry]) -> list[str]:
    rows = [
        (
            *(f"{entry['items']:,}", str(entry["threads"]), loss, _spread(rates(runs, "wall"))),
            *(_spread(rates(runs, "cpu")), f"{max(run['peak_mib'] for run in runs):,.0f}"),
            f"{runs[0]['memory_line_mib']:,}",
        )
        for entry in entries
        for loss, runs in entry["runs"].items()
    ]
    header = (
        *("items", "threads", "loss", "thousand examples a second", "a CPU second", "peak MiB of the process"),
        "MiB said beforehand",
    )
    return ["## A growing catalogue", "", *_table(header, rows)]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (header, ["---"] * len(header), *rows)
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _spread(values: Sequence[float]) -> str:
    return f"{_number(median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(markdown(json.loads(Path(sys.argv[1]).read_text())), end="")


if __name__ == "__main__":
    main()
