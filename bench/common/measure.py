"""Runs one process and takes its times."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# One thread a process outside the program's own: a BLAS that starts threads would blur the CPU time.
QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
LAUNCHER = Path(__file__).with_name("launch.py")
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

    The CPU time (user + system) and the peak memory are the kernel's own, from wait4. No peak reads below that of the launcher.
    """
    log = folder / "log.txt"
    with log.open("wb") as sink:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCHER), *command],
            cwd=folder, env={**os.environ, **QUIET}, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, check=False,
        )  # fmt: skip
    output, _, line = log.read_text(errors="replace").rstrip("\n").rpartition("\n")
    if done.returncode != 0:
        raise SystemExit(f"cannot run: {' '.join(command)}\n{line}")
    status, wall, cpu, peak = line.split()
    if status != "0":
        raise SystemExit(f"exit {status} from: {' '.join(command)}\n{output[-LOG_TAIL:]}")
    return Finished(Usage(float(wall), float(cpu), int(peak) / 1024), output)
