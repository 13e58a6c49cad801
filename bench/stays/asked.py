#!/usr/bin/env python3
"""HR@10 / NDCG@10 / MRR of models as validation chooses to ask them, of their vectors alone and of the baselines.

usage: asked.py ANSWER ...   (what `vecinity train --json` said, one file a seed of training)

Means and standard deviations over the seeds of training; the baselines have none.
"""
import json
import statistics
import sys
from pathlib import Path


def main() -> None:
    answers = [json.loads(Path(name).read_text())["evaluation"]["rows"] for name in sys.argv[1:]]
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for row in (row for rows in answers for row in rows):
        test = row["test"]
        figures.setdefault(row["name"], []).append((test["hr"][0], test["ndcg"][0], test["mrr"]))
    print(f"{len(answers)} seeds of training, {answers[0][0]['test']['queries']} sessions asked")
    for name, runs in figures.items():
        cells = []
        for values in zip(*runs):
            spread = f" ± {statistics.stdev(values):.3f}" if len(set(values)) > 1 else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}")
        fewer = f"   ({len(runs)} of them)" if len(runs) < len(answers) else ""
        print(f"{name:20}", " / ".join(cells) + fewer)
    for rows in answers:
        print("asked by:", rows[0]["settings"])


if __name__ == "__main__":
    main()
