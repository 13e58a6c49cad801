"""Where the bench keeps its files. Everything but the records stays under the git-ignored `.cache`."""

import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.append(str(BENCH.parent))  # bench/common
from common import places  # noqa: E402

ROOT, RECORDS = places.ROOT, places.RECORDS
CACHE = BENCH / ".cache"
CORPORA = CACHE / "corpora"
PEERS = CACHE / "peers"
RESULTS = CACHE / "results"
WORK = CACHE / "work"
EVAL = CACHE / "eval"


def shared() -> Path:
    """The folder with the corpora and the scorer."""
    return places.shared("text")
