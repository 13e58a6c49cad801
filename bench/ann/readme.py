#!/usr/bin/env python3
"""Writes the table of nearest neighbours of the README from a record. usage: readme.py RECORD.json README.md"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))  # bench/common
from common.readme import put  # noqa: E402

NAMES = {
    "vecinity": "**Vecinity**",
    "hnswlib": "hnswlib",
    "faiss-hnsw": "faiss HNSW",
    "usearch": "usearch",
    "voyager": "voyager",
    "scann": "ScaNN",
    "symphonyqg": "SymphonyQG",
}
SETS = {
    "words": "word vectors, 85 k x 100, cosine",
    "sentences": "sentence vectors, 20 k x 384, cosine",
    "als-synthetic": "factors of ALS, 33 k x 64, inner product",
    "youtube-synthetic": "output matrix of a network, 28 k x 65, inner product",
    "clustered-100k": "clusters, 100 k x 96, distance",
}


def main() -> None:
    record, readme = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    put(readme, "ann", render(record))


def render(record: dict[str, Any]) -> str:
    """A row a set: queries a second of every program at recall .95 and .99, and its memory."""
    lines = [f"| | {' | '.join(NAMES.values())} |", "|---|" + "---|" * len(NAMES)]
    for name, title in SETS.items():
        programs = record["results"].get(name, {})
        cells = (f"{at(programs[who], 0.95)} / {at(programs[who], 0.99)}" if who in programs else "" for who in NAMES)
        lines.append(f"| {title} | {' | '.join(cells)} |")
        memory = (f"{programs[who]['build']['memory_mb']:,.0f} MB" if who in programs else "" for who in NAMES)
        lines.append(f"| | {' | '.join(memory)} |")
    where = f"{record['machine']['cpu']}, {record['machine']['cores']} cores, {record['date']}"
    what = (
        "thousand queries a second on one thread at recall .95 / .99 of the nearest ten, and memory (ours is the file; of the others "
        "what the process grew by, with what they load on the way); a dash where that is never reached."
    )
    lines += ["", f"{where}: {what} `bench/ann/run` measures it."]
    return "\n".join(lines)


def at(found: dict[str, Any], recall: float) -> str:
    reached = [point["per_second"] for point in found.get("points", []) if point["recall"] >= recall]
    return f"{max(reached) / 1000:.1f}" if reached else "-"


if __name__ == "__main__":
    main()
