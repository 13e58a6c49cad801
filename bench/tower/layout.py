"""Where things lie. Everything but the records stays under the git-ignored `.cache`."""

import os
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent.parent
CACHE = BENCH / ".cache"
RECORDS = ROOT / "bench" / "record"


def shared() -> Path:
    """The folder with the logs and the scorer: $VECINITY_SHARED, by default `../shared` beside the project."""
    folder = Path(os.environ.get("VECINITY_SHARED", ROOT / ".." / "shared")).resolve()
    if not (folder / "data" / "interactions").is_dir():
        raise SystemExit(f"no data/interactions in {folder}: set VECINITY_SHARED to the shared folder")
    return folder
