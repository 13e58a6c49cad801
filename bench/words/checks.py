"""The vocabulary pass, and the check that every program trains all the epochs it is asked for."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import work
from common.measure import run
from corpus import Corpus
from programs import TASKS, Program, Setting

# Epochs of a fast program take too little time on the small corpus to be told from noise: take this many at a time.
FAST_STEP = 10
# Runs of which the one with the least CPU time counts.
RUNS = 3
# The bounds of a sound program, wide enough for the noise of a busy machine: late over early epochs, several threads
# over one, and an epoch over the whole first run with its start-up.
LEAST_GROWTH = 0.6
LEAST_SHARE = 0.75
LEAST_OF_FIRST = 0.2


def vocabulary(programs: Sequence[Program], corpus: Corpus, runs: int) -> list[dict[str, Any]]:
    """The times of the vocabulary pass of every program that can do it alone, in turn."""
    times: dict[str, list[dict[str, float]]] = {}
    for _ in range(runs):
        for program in programs:
            if seconds := _vocabulary_seconds(program, corpus):
                times.setdefault(program.name, []).append(seconds)
    return [{"program": name, "bytes": corpus.bytes, "runs": seconds} for name, seconds in times.items()]


def _vocabulary_seconds(program: Program, corpus: Corpus) -> dict[str, float] | None:
    with work.folder() as inside:
        command = program.vocabulary(work.relative(corpus.path, inside))
        if command is None:
            return None
        finished = run(command, inside)
    if program.times_vocabulary_itself:
        printed: dict[str, float] = json.loads(finished.output.splitlines()[-1])
        return printed
    return {"wall": finished.usage.wall, "cpu": finished.usage.cpu}


def epochs(program: Program, threads: Sequence[int], corpus: Corpus) -> list[dict[str, Any]]:
    """Whether the CPU time grows with the epochs, for one thread and for the numbers of threads asked for."""
    alone, *others = (_epoch_times(program, number, corpus) for number in sorted({1, *threads}))
    return [entry | {"all_trained": _all_trained(entry, alone)} for entry in (alone, *others)]


def _epoch_times(program: Program, threads: int, corpus: Corpus) -> dict[str, Any]:
    """CPU times of 1, 1 + k and 1 + 3k epochs, and from their differences those of an early and of a late epoch."""
    step = FAST_STEP if program.fast else 1
    counts = (1, 1 + step, 1 + 3 * step)
    settings = [Setting(TASKS["sg-ns"], 100, count, threads, seed=1) for count in counts]
    # What a busy moment adds is no epoch: the least of some runs is what the work takes.
    usages = [
        min((work.train_and_forget(program, setting, corpus) for _ in range(RUNS)), key=lambda usage: usage.cpu)
        for setting in settings
    ]
    first, second, third = (usage.cpu for usage in usages)
    return {
        "program": program.name,
        "threads": threads,
        "epochs": counts,
        "usages": [asdict(usage) for usage in usages],
        "early": (second - first) / step,
        "late": (third - second) / (2 * step),
    }


def _all_trained(entry: dict[str, Any], alone: dict[str, Any]) -> bool:
    """Late epochs must cost about what early ones do, and with threads about what they do with one.

    The head of tmikolov/word2vec fails the first with one thread and the second with two: there the thread that meets
    the end of the file trains one epoch only. A cost of nearly nothing, alike early and late, fails as well.
    """
    growth = entry["late"] / entry["early"] if entry["early"] > 0 else 0
    return (
        LEAST_GROWTH < growth < 1 / LEAST_GROWTH
        and entry["late"] > LEAST_SHARE * alone["late"]
        and alone["late"] > LEAST_OF_FIRST * alone["usages"][0]["cpu"]
    )
