"""How the bench starts processes: ours, and Python children with the peers."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import layout
from common import places
from common.measure import Finished, run


def folder() -> AbstractContextManager[Path]:
    """A fresh folder under the cache, removed afterwards."""
    return places.fresh(layout.WORK)


def python(script: str, arguments: Sequence[str], inside: Path, threads: int = 1) -> Finished:
    """Runs a script of the bench; `threads` is what polars and the BLAS of numpy may use."""
    os.environ |= {"VECINITY_DATA": str(layout.shared() / "data"), "VECINITY_SPLITS": str(layout.SPLITS)}
    limits = [f"{name}={threads}" for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")]
    return run(["env", *limits, sys.executable, str(layout.BENCH / script), *arguments], inside)


def last_json(finished: Finished) -> Any:
    """What a child printed last."""
    return json.loads(finished.output.splitlines()[-1])


@cache
def ours() -> Path:
    """The release build of this project; `VECINITY` names a binary to use in its place."""
    if given := os.environ.get("VECINITY"):
        return Path(given).resolve()
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "vecinity-cli"], cwd=layout.ROOT, check=True)
    return places.release() / "vecinity"


@cache
def example() -> Path:
    """The program of `crates/vecinity/examples/items.rs`; `VECINITY_ITEMS` names a binary to use in its place."""
    if given := os.environ.get("VECINITY_ITEMS"):
        return Path(given).resolve()
    command = ["cargo", "build", "--release", "--quiet", "-p", "vecinity", "--example", "items"]
    subprocess.run(command, cwd=layout.ROOT, check=True)
    return places.release() / "examples" / "items"


def version() -> str:
    """Ours, by version and digest."""
    printed = subprocess.run([ours(), "--version"], check=True, capture_output=True, text=True).stdout.split()
    return f"{printed[-1]} (binary {hashlib.sha256(ours().read_bytes()).hexdigest()[:12]})"
