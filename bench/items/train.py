"""item2vec beside gensim: CPU and wall seconds an epoch at equal settings, and accuracy asked in equal ways.

An epoch is the difference of two whole runs, so that start-up, vocabulary and output drop out.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import children
import data
import layout
from children import Finished

DIM, NEGATIVES, EXPONENT, RATE, WINDOW = 64, 10, 0.5, 0.025, 5
SETTINGS = {
    "dim": DIM,
    "negatives": NEGATIVES,
    "noise_exponent": EXPONENT,
    "rate": RATE,
    "window": WINDOW,
    "subsample": 0,
    "min_count": 1,
    "threads": 1,
}


@dataclass(frozen=True)
class Task:
    """One training task: the same lines for everybody."""

    data: str
    protocol: str
    kind: str
    # Items of a history that are asked; 0: all.
    last: int
    # Where accuracy is at its best for either program: more passes over sets only overfit.
    epochs: int


TASKS = {
    "ml-1m": Task("ml-1m", "loo", "sequence", 10, 10),
    "online-retail": Task("online-retail", "basket", "set", 0, 5),
    "recipes": Task("recipes-flavornetwork", "basket", "set", 0, 2),
}

Trainer = Callable[[int, int, Path], Finished]


def programs(task: Task, lines: data.Lines) -> dict[str, Trainer]:
    """Who trains, by name. Sets: all pairs for everybody, and ours as it is by default, in parts of eight."""
    if task.kind == "sequence":
        return {
            "vecinity": lambda epochs, seed, inside: _ours(lines, epochs, seed, inside, "--directed", "false"),
            "gensim": lambda epochs, seed, inside: _gensim(lines, epochs, seed, inside, window=WINDOW),
        }
    whole = {"window": lines.longest, "shrink_windows": False}
    everything = ("--largest-set", str(lines.longest))
    return {
        "vecinity": lambda epochs, seed, inside: _ours(lines, epochs, seed, inside, *everything),
        "vecinity-parts": lambda epochs, seed, inside: _ours(lines, epochs, seed, inside),
        "gensim": lambda epochs, seed, inside: _gensim(lines, epochs, seed, inside, **whole),
    }


def measure(name: str, runs: int, epochs: int | None, seeds: list[int]) -> dict[str, Any]:
    """Times of several epochs against one, the programs in turn; scores of runs of the task's epochs, or of `epochs`."""
    task = TASKS[name]
    epochs = epochs or task.epochs
    lines = data.lines(task.data, task.protocol)
    trainers = programs(task, lines)
    times: dict[str, list[dict[str, Any]]] = {program: [] for program in trainers}
    scores: dict[str, list[dict[str, Any]]] = {program: [] for program in trainers}
    for turn in range(max(runs, len(seeds))):
        for program, trainer in trainers.items():
            # Ours is fast: a few epochs could not be told from the noise of its start.
            longer = max(epochs, 2 if program == "gensim" else 11)
            with children.folder() as inside:
                seed = seeds[turn % len(seeds)]
                if turn < runs:
                    short, long = trainer(1, seed, inside), trainer(longer, seed, inside)
                    pair = {"epochs": longer - 1, "short": asdict(short.usage), "long": asdict(long.usage)}
                    times[program].append(pair)
                if turn < len(seeds):
                    if turn >= runs or longer != epochs:
                        trainer(epochs, seed, inside)
                    scores[program].append({"seed": seed, "epochs": epochs, "scores": _score(task, program, inside)})
        trainers = dict([*list(trainers.items())[1:], *list(trainers.items())[:1]])
    return {"task": name, "kind": task.kind, "tokens": lines.tokens, "times": times, "scores": scores}


def _ours(lines: data.Lines, epochs: int, seed: int, inside: Path, *more: str) -> Finished:
    shutil.rmtree(inside / "model", ignore_errors=True)
    return children.run(
        [
            *(str(children.ours()), "train", str(lines.path), "-o", "model", "--format", "lines"),
            *("--kind", lines.kind, "--holdout", "none", "--repeats", "keep", "--min-count", "1"),
            *("--dim", str(DIM), "--negatives", str(NEGATIVES), "--noise-exponent", str(EXPONENT)),
            *("--learning-rate", str(RATE), "--subsample", "0", "--epochs", str(epochs)),
            *("--threads", "1", "--seed", str(seed), "--progress", "none", *more),
            *(("--window", str(WINDOW)) if lines.kind == "sequence" else ()),
        ],
        inside,
    )


def _gensim(lines: data.Lines, epochs: int, seed: int, inside: Path, **windows: Any) -> Finished:
    settings = {
        "vector_size": DIM,
        "min_count": 1,
        "sample": 0,
        "sg": 1,
        "negative": NEGATIVES,
        "ns_exponent": EXPONENT,
        "alpha": RATE,
        "epochs": epochs,
        "workers": 1,
        "seed": seed,
        **windows,
    }
    arguments = [str(lines.path), "--settings", json.dumps(settings), "--input", "input.bin", "--output", "output.bin"]
    return children.python("gensim_train.py", arguments, inside)


def _score(task: Task, program: str, inside: Path) -> Any:
    if program != "gensim":
        for matrix in ("input", "output"):
            command = [str(children.ours()), "export", "model", "--format", "word2vec-binary"]
            children.run([*command, "--vectors", matrix, "-o", f"{matrix}.bin"], inside)
    arguments = [str(layout.scorer()), task.data, task.protocol, "--last", str(task.last)]
    return children.last_json(
        children.python("score.py", [*arguments, "--vectors", "input.bin", "output.bin"], inside, threads=2)
    )
