"""Exact neighbours of one vector among many, one question at a time, beside numpy's matrix-vector product."""

from typing import Any

import children


def measure(rows: int, dim: int, questions: int, threads: int, runs: int) -> dict[str, Any]:
    """Milliseconds a question, ten neighbours by cosine; lengths are divided by before, on both sides."""
    times: dict[str, list[dict[str, float]]] = {"vecinity": [], "numpy": []}
    arguments = [str(number) for number in (rows, dim, questions)]
    with children.folder() as inside:
        for _ in range(runs):
            finished = children.run([str(children.example()), "neighbours", *arguments, str(threads)], inside)
            times["vecinity"].append(children.last_json(finished))
            finished = children.python("numpy_neighbours.py", arguments, inside, threads)
            times["numpy"].append(children.last_json(finished))
    return {"rows": rows, "dim": dim, "questions": questions, "threads": threads, "times": times}
