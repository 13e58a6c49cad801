"""Reading a large event log into histories, beside polars doing the same."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import children
import data
from children import Finished

# The ways polars has; which is fastest depends on format and machine, and the fastest counts.
POLARS = ("eager", "streaming")
SMALL_LIMIT_MIB = 300


def measure(log: data.Log, runs: int, threads: int) -> list[dict[str, Any]]:
    """Whole processes, in turn: ours, ours with little memory, and polars in its ways."""
    entries = []
    for ending in ("csv", "parquet"):
        path = log.file(ending)
        usages: dict[str, list[dict[str, float]]] = {}
        for _ in range(runs):
            for name, finished in _all(path, threads):
                usages.setdefault(name, []).append(asdict(finished.usage))
        entries.append(
            {"format": ending, "bytes": path.stat().st_size, **asdict(log), "threads": threads, "runs": usages}
        )
    return entries


def _all(path: Path, threads: int) -> list[tuple[str, Finished]]:
    with children.folder() as inside:
        inspect = [str(children.ours()), "inspect", str(path), "--kind", "sequence", "--threads", str(threads)]
        found = [
            ("vecinity", children.run(inspect, inside)),
            (f"vecinity, {SMALL_LIMIT_MIB} MiB", children.run([*inspect, "--memory-limit", str(SMALL_LIMIT_MIB)], inside)),
        ]
        for way in POLARS:
            found.append((f"polars, {way}", children.python("polars_read.py", [str(path), way], inside, threads)))
    return found
