"""EASE, ALS and item-kNN on ml-1m: the fit, and ten items for every user; beside implicit and numpy."""

from typing import Any

import children
import data
import layout

# Who offers what. Settings are the same: lambda 200; 64 factors, alpha 10, 12 rounds; 200 neighbours by cosine.
PROGRAMS = {"ease": ("vecinity", "numpy"), "als": ("vecinity", "implicit"), "item-knn": ("vecinity", "implicit")}


def measure(runs: int, threads: int) -> list[dict[str, Any]]:
    """Seconds by each program's own clocks, in turn, and the scores of the lists."""
    lines = data.lines("ml-1m", "loo")
    entries = []
    for model, programs in PROGRAMS.items():
        times: dict[str, list[Any]] = {program: [] for program in programs}
        scores: dict[str, Any] = {}
        for _ in range(runs):
            for program in programs:
                with children.folder() as inside:
                    files = [str(lines.path), str(lines.asked), "lists.tsv", str(threads)]
                    if program == "vecinity":
                        finished = children.run([str(children.example()), "baseline", model, *files], inside)
                    else:
                        # implicit threads by itself and wants its BLAS alone.
                        blas = threads if program == "numpy" else 1
                        finished = children.python("peers.py", [model, *files], inside, blas)
                    seconds = children.last_json(finished)
                    times[program].append({**seconds, "peak_mib": finished.usage.peak_mib})
                    if program not in scores:
                        arguments = [str(layout.scorer()), "ml-1m", "loo", "--lists", "lists.tsv"]
                        scores[program] = children.last_json(children.python("score.py", arguments, inside))["lists"]
        entries.append({"model": model, "threads": threads, "times": times, "scores": scores})
    return entries
