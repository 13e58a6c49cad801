"""Where the bench keeps its files. Everything but the records stays under the git-ignored `.cache`."""

import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.append(str(BENCH.parent))  # bench/common
from common import places  # noqa: E402

ROOT, RECORDS = places.ROOT, places.RECORDS
CACHE = BENCH / ".cache"
WORK = CACHE / "work"
DATA = CACHE / "data"
SPLITS = CACHE / "splits"


def shared() -> Path:
    """The folder with the logs and the scorer."""
    return places.shared("interactions")


def scorer() -> Path:
    """The shared scorer, used as it is."""
    return shared() / "eval" / "eval_recs.py"
