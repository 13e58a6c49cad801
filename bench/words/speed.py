"""Training speed: every program in turn with the same settings; start-up and vocabulary pass drop out by difference."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import work
from common.measure import Usage
from corpus import Corpus
from programs import Program, Setting, Task

# A difference shorter than this says too little about how many epochs fill the span.
FIRST_LOOK = 0.5
MARGIN = 1.1


@dataclass(frozen=True)
class Plan:
    """How speed is taken: `span` is the least difference in wall seconds between the short and the long run.

    `long_span` takes its place where a program marked as fast runs on several threads: only a long run shows what
    threads gain.
    """

    runs: int
    span: float
    long_span: float

    def span_of(self, program: Program, threads: int) -> float:
        return self.long_span if program.fast and threads > 1 else self.span


@dataclass(frozen=True)
class Cell:
    """One line of the comparison: what all programs are asked to train."""

    task: Task
    dim: int
    threads: int

    def setting(self, epochs: int) -> Setting:
        return Setting(self.task, self.dim, epochs, self.threads, seed=1)


@dataclass(frozen=True)
class Pair:
    """The two runs whose difference is `long_epochs - 1` epochs of pure training; the short one trains one epoch."""

    long_epochs: int
    short: Usage
    long: Usage

    @property
    def added_epochs(self) -> int:
        return self.long_epochs - 1

    @property
    def wall(self) -> float:
        return self.long.wall - self.short.wall


Trainer = Callable[[int], Usage]


def measure_cell(cell: Cell, programs: Sequence[Program], corpus: Corpus, plan: Plan) -> dict[str, Any]:
    """All pairs of runs of one cell, the programs in turn and each round starting with another one."""
    pairs: dict[str, list[Pair]] = {program.name: [] for program in programs}
    turns = deque(programs)
    for _ in range(plan.runs):
        for program in turns:
            known = pairs[program.name]
            span = plan.span_of(program, cell.threads)
            trainer = _trainer(program, cell, corpus)
            known.append(_pair(trainer, known[0].long_epochs) if known else first_pair(trainer, span))
        turns.rotate(-1)
    return {
        "task": cell.task.name,
        "dim": cell.dim,
        "threads": cell.threads,
        "words": corpus.words,
        "pairs": {name: [asdict(pair) for pair in measured] for name, measured in pairs.items()},
    }


def first_pair(trainer: Trainer, span: float) -> Pair:
    """The first pair whose difference lasts `span` wall seconds: 1 epoch against 2, or against as many as it takes."""
    pair = _pair(trainer, 2)
    while pair.wall < span:
        growth = MARGIN * span / pair.wall if pair.wall > FIRST_LOOK else 8
        pair = _pair(trainer, 1 + math.ceil(growth * pair.added_epochs))
    return pair


def _pair(trainer: Trainer, long_epochs: int) -> Pair:
    return Pair(long_epochs, trainer(1), trainer(long_epochs))


def _trainer(program: Program, cell: Cell, corpus: Corpus) -> Trainer:
    return lambda epochs: work.train_and_forget(program, cell.setting(epochs), corpus)
