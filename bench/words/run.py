"""Word-embedding bench: Vecinity, gensim, word2vec.c and fastText with the same settings in the same run.

Measures training speed, the vocabulary pass and accuracy; checks that every program trains all its epochs. Writes the
record bench/record/<machine>/<date>-words.json and a table beside it. Measure speed only on an otherwise idle machine.
"""

import argparse
import datetime
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import accuracy
import checks
import corpus
import layout
import speed
import table
from common import machine
from programs import HYPERPARAMETERS, TASKS, Program, Setting, Task, all_programs
from record import SECTIONS, Record

PARTS = ("epochs", "vocabulary", "speed", "accuracy")

# What a full run and a quick one differ in; each can also be given as an option of the same name.
FULL = {"speed_corpus": "speed", "big_corpus": "big", "runs": 3, "span": 5.0, "long_span": 60.0, "epochs": 5}
FULL_LISTS = {"threads": [1, 2], "seeds": [1, 2, 3], "speed_dims": [100, 300], "accuracy_dims": [100]}
QUICK = {"speed_corpus": "small", "big_corpus": "small", "runs": 1, "span": 1.0, "long_span": 3.0, "epochs": 1}
QUICK_LISTS = {"threads": [1], "seeds": [1], "speed_dims": [100], "accuracy_dims": [100]}
IDLE_LOAD = 0.3


@dataclass(frozen=True)
class Plan:
    """What this run is to do, in full."""

    parts: Sequence[str]
    programs: Sequence[Program]
    tasks: Sequence[Task]
    speed_corpus: str
    big_corpus: str
    speed_dims: Sequence[int]
    accuracy_dims: Sequence[int]
    threads: Sequence[int]
    seeds: Sequence[int]
    runs: int
    span: float
    long_span: float
    epochs: int
    accuracy_threads: int
    jobs: int
    fresh: bool

    @property
    def speed(self) -> speed.Plan:
        return speed.Plan(self.runs, self.span, self.long_span)


def main() -> None:
    options = _options()
    plan = _plan(options)
    facts = machine.describe()
    header = {
        "machine": facts,
        "programs": {program.name: program.describe() for program in plan.programs},
        "corpora": {name: asdict(corpus.prepare(name)) for name in {"small", plan.speed_corpus, plan.big_corpus}},
        "settings": {
            "hyperparameters": HYPERPARAMETERS,
            "rates": {task.name: task.rate for task in TASKS.values()},
            # How often is no setting: a cell shows how many pairs of runs it has.
            "speed": {"span": plan.span, "long_span": plan.long_span, "corpus": plan.speed_corpus},
            "accuracy_corpus": plan.big_corpus,
        },
    }
    folder = layout.CACHE / "quick" if options.quick or options.no_record else layout.RECORDS / machine.slug(facts)
    record = Record(folder, datetime.date.today().isoformat(), "words", header, SECTIONS, table.markdown)
    _warn_if_busy(plan)
    for part in plan.parts:
        PART_RUNNERS[part](plan, record)
    print(record.markdown())
    print(f"record: {os.path.relpath(record.path, layout.ROOT)}")


def _run_epochs(plan: Plan, record: Record) -> None:
    small = corpus.prepare("small")
    for program in plan.programs:
        for entry in checks.epochs(program, plan.threads, small):
            verdict = "all trained" if entry["all_trained"] else "NOT all trained"
            _say(f"epochs {program.name} threads {entry['threads']}: {verdict}")
            record.put("epochs", entry)


def _run_vocabulary(plan: Plan, record: Record) -> None:
    for entry in checks.vocabulary(plan.programs, corpus.prepare(plan.big_corpus), plan.runs):
        record.put("vocabulary", entry)


def _run_speed(plan: Plan, record: Record) -> None:
    text = corpus.prepare(plan.speed_corpus)
    for task, dim, threads in product(plan.tasks, plan.speed_dims, plan.threads):
        _say(f"speed {task.name} dim {dim} threads {threads}")
        record.put("speed", speed.measure_cell(speed.Cell(task, dim, threads), plan.programs, text, plan.speed))


def _run_accuracy(plan: Plan, record: Record) -> None:
    text = corpus.prepare(plan.big_corpus)
    jobs = [
        accuracy.Job(program, Setting(task, dim, plan.epochs, plan.accuracy_threads, seed), text)
        for seed, dim, task, program in product(plan.seeds, plan.accuracy_dims, plan.tasks, plan.programs)
    ]
    for result in accuracy.run_all(jobs, plan.jobs, plan.fresh):
        setting = result["setting"]
        record.put("accuracy", {**result, **setting, "task": setting["task"]["name"]})


PART_RUNNERS: dict[str, Callable[[Plan, Record], None]] = {
    "epochs": _run_epochs,
    "vocabulary": _run_vocabulary,
    "speed": _run_speed,
    "accuracy": _run_accuracy,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/words/run", description=__doc__)
    add = parser.add_argument
    names = ", ".join([*PARTS, *TASKS, *all_programs(None)])
    add("--quick", action="store_true", help="a small corpus, one run, one seed: does it all work? Implies --no-record")
    add("--only", type=_names, default=[], help=f"parts, tasks and programs, separated by commas, of: {names}")
    add("--dims", type=_integers, help="dimensions (100,300 for speed and 100 for accuracy)")
    add("--threads", type=_integers, help="numbers of threads for speed (1,2)")
    add("--seeds", type=_integers, help="seeds for accuracy (1,2,3)")
    add("--runs", type=int, help="repeats of each time (3)")
    add("--span", type=float, help="least seconds of training timed (5)")
    add("--long-span", type=float, help="the same for ours on several threads (60)")
    add("--epochs", type=int, help="epochs for accuracy (5)")
    add("--accuracy-threads", type=int, default=1, help="threads for accuracy (1)")
    add("--jobs", type=int, default=1, help="accuracy runs at the same time (1)")
    add("--fresh", action="store_true", help="train again for accuracy even what the cache has")
    add("--vecinity", type=Path, help="a vecinity binary to use in place of a fresh release build")
    add("--no-record", action="store_true", help="write the record under .cache/quick, not under bench/record")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    values: dict[str, Any] = {**QUICK, **QUICK_LISTS} if options.quick else {**FULL, **FULL_LISTS}
    given = {name: value for name, value in vars(options).items() if name in values and value is not None}
    if options.dims:
        given |= {"speed_dims": options.dims, "accuracy_dims": options.dims}
    programs = all_programs(options.vecinity)
    unknown = set(options.only) - {*PARTS, *TASKS, *programs}
    if unknown:
        raise SystemExit(f"--only: unknown {', '.join(sorted(unknown))}")
    return Plan(
        parts=_chosen(PARTS, options.only),
        programs=[programs[name] for name in _chosen(list(programs), options.only)],
        tasks=[TASKS[name] for name in _chosen(list(TASKS), options.only)],
        accuracy_threads=options.accuracy_threads,
        jobs=options.jobs,
        fresh=options.fresh,
        **{**values, **given},
    )


def _chosen(names: Sequence[str], only: Sequence[str]) -> Sequence[str]:
    """Those of the names that `only` lists, or all of them where it lists none of this sort."""
    return [name for name in names if name in only] or names


def _warn_if_busy(plan: Plan) -> None:
    load = os.getloadavg()[0]
    if "speed" in plan.parts and load > IDLE_LOAD:
        _say(f"warning: the load of this machine is {load:.1f}; times taken now are not to be trusted")


def _names(text: str) -> list[str]:
    return text.split(",")


def _integers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
