"""Where all benches find the project, the shared data and room for their work."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "bench" / "record"


def shared(data: str) -> Path:
    """The folder with data and scorers: $VECINITY_SHARED, by default `../shared` beside the project.

    `data` is what must be there: `text` or `interactions`.
    """
    folder = Path(os.environ.get("VECINITY_SHARED", ROOT / ".." / "shared")).resolve()
    if not (folder / "data" / data).is_dir():
        raise SystemExit(f"no data/{data} in {folder}: set VECINITY_SHARED to the shared folder")
    return folder


@contextmanager
def fresh(inside: Path) -> Iterator[Path]:
    """A new folder for work, removed afterwards."""
    inside.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=inside))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def release() -> Path:
    """Where cargo puts release builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
