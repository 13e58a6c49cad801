#!/usr/bin/env python3
"""Writes the table of recommendations of the README from records. usage: readme.py RECORD.json [OLDER.json ...] README.md

Of what several records have, the first one counts.
"""

import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

from quality import ROW, VECTORS  # makes bench/common known

from common.readme import put  # noqa: I001

BASELINES = {"popularity": "popularity", "next-item": "next-item counts", "item-knn": "item-kNN", "als": "ALS", "ease": "EASE"}


def main() -> None:
    records, readme = [json.loads(Path(path).read_text()) for path in sys.argv[1:-1]], Path(sys.argv[-1])
    put(readme, "quality", render(merged(records)))


def merged(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of all tasks, in the order of the record that has the most."""
    order = [result["task"] for result in max(records, key=lambda record: len(record["results"]))["results"]]
    found: dict[str, list[dict[str, Any]]] = {task: [] for task in order}
    for record in records:
        known = {task for task, results in found.items() if results}
        for result in record["results"]:
            if result["task"] not in known:
                found.setdefault(result["task"], []).append(result)
    return [result for results in found.values() for result in results]


def render(results: list[dict[str, Any]]) -> str:
    """A row a task: what is served, its vectors alone, and the best baseline; HR@10 / NDCG@10, means over the seeds."""
    lines = ["| HR@10 / NDCG@10 on test | seeds | **Vecinity** | its vectors alone | best baseline |", "|---|---|---|---|---|"]
    for task in dict.fromkeys(result["task"] for result in results):
        figures = [result["figures"] for result in results if result["task"] == task]
        best = max(BASELINES, key=lambda name: mean(figures, name, "hr"))
        vectors = VECTORS if any(VECTORS in one for one in figures) else ROW
        cells = [f"**{pair(figures, ROW)}**", pair(figures, vectors), f"{BASELINES[best]} {pair(figures, best)}"]
        lines.append(f"| {task} | {len(figures)} | {' | '.join(cells)} |")
    lines += [
        "",
        "Whole catalogues are ranked, validation chooses, test is asked once; every baseline is tuned. The shared, independent scorer gives "
        "the same figures. Settings are the defaults, but for the last network: it predicts orders from earlier orders (`--strictly-earlier`), and more of its settings were chosen on validation (`ORDERS` in `bench/quality/quality.py`). Where counting wins, the recipe is counting, and the verdict says so. `bench/quality/run` measures it.",
    ]
    return "\n".join(lines)


def mean(figures: list[dict[str, Any]], name: str, key: str) -> float:
    values = [one[name][key] for one in figures if name in one]
    return fmean(values) if values else 0.0


def pair(figures: list[dict[str, Any]], name: str) -> str:
    return f"{mean(figures, name, 'hr'):.3f} / {mean(figures, name, 'ndcg'):.3f}"


if __name__ == "__main__":
    main()
