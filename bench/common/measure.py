"""Runs one process and takes its times."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# One thread a process outside the program's own: a BLAS that starts threads would blur the CPU time.
QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
LOG_TAIL = 2000


@dataclass(frozen=True)
class Usage:
    """What a whole process took, from start to exit: seconds, and peak resident memory in MiB."""

    wall: float
    cpu: float
    peak_mib: float


@dataclass(frozen=True)
class Finished:
    """A process that ended well, and what it printed."""

    usage: Usage
    output: str


def run(command: Sequence[str], folder: Path) -> Finished:
    """Runs `command` inside `folder` to its end; a failure stops the bench with the end of its output.

    The CPU time (user + system) and the peak memory are the kernel's own, from wait4. The kernel carries the memory of
    the process that forks into the child's peak, so this program must stay small: never import numpy here.
    """
    log = folder / "log.txt"
    with log.open("wb") as sink:
        start = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **QUIET}, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(errors="replace")
    if child.returncode != 0:
        raise SystemExit(f"exit {child.returncode} from: {' '.join(command)}\n{output[-LOG_TAIL:]}")
    return Finished(Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), output)
