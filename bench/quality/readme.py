#!/usr/bin/env python3
"""Writes the table of recommendations of the README from a record. usage: readme.py RECORD.json README.md"""

import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

from quality import ROW, VECTORS  # makes bench/common known

from common.readme import put  # noqa: I001

BASELINES = {"popularity": "popularity", "next-item": "next-item counts", "item-knn": "item-kNN", "als": "ALS", "ease": "EASE"}


def main() -> None:
    record, readme = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    put(readme, "quality", render(record))


def render(record: dict[str, Any]) -> str:
    """A row a task: what is served, its vectors alone, and the best baseline; HR@10 / NDCG@10, means over the seeds."""
    lines = ["| HR@10 / NDCG@10 on test | seeds | **Vecinity** | its vectors alone | best baseline |", "|---|---|---|---|---|"]
    for task in dict.fromkeys(result["task"] for result in record["results"]):
        figures = [result["figures"] for result in record["results"] if result["task"] == task]
        best = max(BASELINES, key=lambda name: mean(figures, name, "hr"))
        vectors = VECTORS if any(VECTORS in one for one in figures) else ROW
        cells = [f"**{pair(figures, ROW)}**", pair(figures, vectors), f"{BASELINES[best]} {pair(figures, best)}"]
        lines.append(f"| {task} | {len(figures)} | {' | '.join(cells)} |")
    lines += [
        "",
        "Whole catalogues are ranked, validation chooses, test is asked once; every baseline is tuned. The shared, independent scorer gives "
        "the same figures. Settings are the defaults, but the last network predicts orders from earlier orders (`--strictly-earlier`). Where counting wins, the recipe is counting, and the verdict says so. `bench/quality/run` measures it.",
    ]
    return "\n".join(lines)


def mean(figures: list[dict[str, Any]], name: str, key: str) -> float:
    values = [one[name][key] for one in figures if name in one]
    return fmean(values) if values else 0.0


def pair(figures: list[dict[str, Any]], name: str) -> str:
    return f"{mean(figures, name, 'hr'):.3f} / {mean(figures, name, 'ndcg'):.3f}"


if __name__ == "__main__":
    main()
