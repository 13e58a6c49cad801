"""Ranking one target for each of many histories in a large catalogue, beside numpy doing the same."""

from dataclasses import asdict
from typing import Any

import children


def measure(items: int, queries: int, threads: int, sample: int) -> dict[str, Any]:
    """Ours on all queries; numpy on a sample of them, since it takes long: its seconds are scaled."""
    with children.folder() as inside:
        command = [str(children.example()), "evaluate", str(items), str(queries), str(threads)]
        finished = children.run(command, inside)
        ours = {**children.last_json(finished)["evaluate"], "peak_mib": finished.usage.peak_mib}
        finished = children.python("numpy_rank.py", [str(items), str(sample)], inside, threads)
        seconds = children.last_json(finished)
        numpy = {name: value * queries / sample for name, value in seconds.items()}
    numpy["peak_mib"] = asdict(finished.usage)["peak_mib"]
    return {
        **{"items": items, "queries": queries, "threads": threads, "dim": 64, "sample": sample},
        "vecinity": ours,
        "numpy": numpy,
    }
