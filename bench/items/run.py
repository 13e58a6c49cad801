"""Bench of items: Vecinity beside gensim, implicit, polars and numpy with the same settings in the same run.

Measures item2vec (speed and accuracy), the baselines, reading a large log, evaluating a large
catalogue, and exact neighbours. Writes the
record bench/record/<machine>/<date>-items.json and a table beside it. Measure only on an otherwise idle machine.
"""

import argparse
import datetime
import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import baselines
import children
import data
import evaluate
import layout
import neighbours
import read
import table
import train
from common import machine
from common.record import Record

PARTS = ("train", "baselines", "read", "evaluate", "neighbours")
PEERS = ("gensim", "implicit", "polars", "numpy", "scipy")
# The sets of online-retail reach 1,107 items: an epoch of all their pairs takes gensim most of a minute.
FULL: dict[str, Any] = {
    "tasks": list(train.TASKS),
    "runs": 3,
    "epochs": None,
    "seeds": [1, 2, 3],
    "log": data.Log(25_000_000, 250_000, 60_000),
    "catalogue": (100_000, 100_000, 4096),
    "vectors": (200_000, 100, 300),
}
QUICK: dict[str, Any] = {
    "tasks": ["recipes"],
    "runs": 1,
    "epochs": 2,
    "seeds": [1],
    "log": data.Log(500_000, 5_000, 2_000),
    "catalogue": (5_000, 5_000, 1024),
    "vectors": (20_000, 100, 100),
}
IDLE_LOAD = 0.3
# What tells the entries of a section of the record apart.
SECTIONS = {
    "train": ("task",),
    "baselines": ("model", "threads"),
    "read": ("format", "rows", "threads"),
    "evaluate": ("items", "queries", "threads"),
    "neighbours": ("rows", "dim", "threads"),
}


@dataclass(frozen=True)
class Plan:
    """What this run is to do, in full."""

    parts: list[str]
    tasks: list[str]
    runs: int
    epochs: int | None
    seeds: list[int]
    log: data.Log
    catalogue: tuple[int, int, int]
    vectors: tuple[int, int, int]
    threads: int


def main() -> None:
    options = _options()
    plan = _plan(options)
    facts = machine.describe()
    header = {
        "machine": facts,
        "programs": {"vecinity": children.version(), **{name: importlib.metadata.version(name) for name in PEERS}},
        "settings": train.SETTINGS,
    }
    folder = layout.CACHE / "quick" if options.quick or options.no_record else layout.RECORDS / machine.slug(facts)
    record = Record(folder, datetime.date.today().isoformat(), "items", header, SECTIONS, table.markdown)
    if (load := os.getloadavg()[0]) > IDLE_LOAD:
        _say(f"warning: the load of this machine is {load:.1f}; times taken now are not to be trusted")
    for part in plan.parts:
        PART_RUNNERS[part](plan, record)
    print(record.markdown())
    print(f"record: {os.path.relpath(record.path, layout.ROOT)}")


def _run_train(plan: Plan, record: Record) -> None:
    for name in plan.tasks:
        _say(f"item2vec on {name}")
        record.put("train", train.measure(name, plan.runs, plan.epochs, plan.seeds))


def _run_baselines(plan: Plan, record: Record) -> None:
    _say("baselines on ml-1m")
    for entry in baselines.measure(plan.runs, plan.threads):
        record.put("baselines", entry)


def _run_read(plan: Plan, record: Record) -> None:
    _say(f"reading {plan.log.rows:,} events")
    for entry in read.measure(plan.log, plan.runs, plan.threads):
        record.put("read", entry)


def _run_evaluate(plan: Plan, record: Record) -> None:
    items, queries, sample = plan.catalogue
    _say(f"evaluating {items:,} items for {queries:,} users")
    record.put("evaluate", evaluate.measure(items, queries, plan.threads, sample))


def _run_neighbours(plan: Plan, record: Record) -> None:
    rows, dim, questions = plan.vectors
    for threads in range(1, plan.threads + 1):
        _say(f"neighbours among {rows:,} vectors, threads {threads}")
        record.put("neighbours", neighbours.measure(rows, dim, questions, threads, plan.runs))


PART_RUNNERS: dict[str, Callable[[Plan, Record], None]] = {
    "train": _run_train,
    "baselines": _run_baselines,
    "read": _run_read,
    "evaluate": _run_evaluate,
    "neighbours": _run_neighbours,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/items/run", description=__doc__)
    add = parser.add_argument
    names = ", ".join([*PARTS, *train.TASKS])
    add("--quick", action="store_true", help="small data, one run, one seed: does it all work? Implies --no-record")
    add("--only", type=lambda text: text.split(","), default=[], help=f"parts and data, by commas, of: {names}")
    add("--runs", type=int, help="repeats of each time (3)")
    add("--epochs", type=int, help="epochs for accuracy (10 of ml-1m, 5 of online-retail, 2 of recipes)")
    add("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], help="seeds for accuracy (1,2,3)")
    add("--threads", type=int, default=2, help="threads for baselines, reading and evaluating (2); training has one")
    add("--no-record", action="store_true", help="write the record under .cache/quick, not under bench/record")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    values = dict(QUICK if options.quick else FULL)
    values |= {name: value for name, value in vars(options).items() if name in values and value is not None}
    if unknown := set(options.only) - {*PARTS, *train.TASKS}:
        raise SystemExit(f"--only: unknown {', '.join(sorted(unknown))}")
    if chosen := [task for task in train.TASKS if task in options.only]:
        values["tasks"] = chosen
    parts = [part for part in PARTS if part in options.only] or list(PARTS)
    return Plan(parts=parts, threads=options.threads, **values)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
