"""Nearest-neighbour bench: Vecinity's index, hnswlib, faiss, usearch, voyager, ScaNN and SymphonyQG on the same vectors.

Builds run on two threads. Queries a second are those of one thread, of the peers in batches of all queries, inside the library,
of Vecinity one after the other, the call included; then those of a batch on two threads. Latencies of the peers include the
call from Python. Filters (Vecinity alone) let 1, 10 and 50 % pass, spread evenly or all in one corner.

Writes bench/record/<machine>/<date>-ann.json and a table beside it; what the record of the day has already, of other sets and
programs, stays: `--sets` and `--only` measure in parts. Measure only on an otherwise idle machine.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import data

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # bench/common
from common import machine  # noqa: E402

PEERS = ("hnswlib", "faiss-hnsw", "faiss-flat", "usearch", "voyager", "scann", "symphonyqg")
RECALLS = (0.90, 0.95, 0.99, 0.999)
WALKS = "15,18,22,28,36,48,64,90,130,200,300,450,700,1000"
COARSE = "1,500,700,1000,1400,2000,2800,4000,5600,8000,11000,16000"
ONE = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/ann/run", description=__doc__)
    parser.add_argument("--sets", default=",".join(data.SETS), help=f"of {', '.join(data.SETS)}")
    parser.add_argument("--only", default=",".join(("vecinity", *PEERS)), help="programs, separated by commas")
    parser.add_argument("--vecinity", type=Path, help="a binary to use in place of a fresh release build")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds a point (1)")
    parser.add_argument("--prepare", action="store_true", help="make the sets and stop")
    parser.add_argument("--no-record", action="store_true", help="print the table only")
    options = parser.parse_args()
    program = (options.vecinity or build()).resolve()
    results: dict[str, Any] = {}
    for name in options.sets.split(","):
        folder, metric = data.prepare(name, program), data.SETS[name]
        if options.prepare:
            continue
        for who in options.only.split(","):
            try:
                found = vecinity(program, folder, metric) if who == "vecinity" else peer(who, folder, metric, options.budget)
            except (subprocess.CalledProcessError, ValueError) as error:
                found = {"failed": str(error)[:200]}
            results.setdefault(name, {})[who] = found
            print(f"{name} {who}: {json.dumps(found)[:160]}", file=sys.stderr, flush=True)
    if options.prepare:
        return
    if options.no_record:
        print(table(results))
        return
    facts = machine.describe()
    target = data.ROOT / "bench/record" / machine.slug(facts) / f"{datetime.date.today().isoformat()}-ann"
    target.parent.mkdir(parents=True, exist_ok=True)
    json_file = target.with_suffix(".json")
    before = json.loads(json_file.read_text())["results"] if json_file.exists() else {}
    merged = {name: {**before.get(name, {}), **results.get(name, {})} for name in data.SETS if name in {**before, **results}}
    record = {"date": datetime.date.today().isoformat(), "machine": facts, "versions": versions(), "results": merged}
    text = table(merged)
    json_file.write_text(json.dumps(record, indent=1) + "\n")
    target.with_suffix(".md").write_text(text + "\n")
    print(text)


def build() -> Path:
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "vecinity-cli"], cwd=data.ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", data.ROOT / "target")) / "release" / "vecinity"


def versions() -> dict[str, str]:
    found = {}
    for package in ("hnswlib", "faiss-cpu", "usearch", "voyager", "scann", "rabitqlib"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def peer(who: str, folder: Path, metric: str, budget: float) -> dict[str, Any]:
    command = [sys.executable, HERE / "peer.py", who, folder, metric, "2", str(budget)]
    done = subprocess.run(command, env={**os.environ, **ONE}, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def vecinity(program: Path, folder: Path, metric: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        index = Path(place) / "i"
        start, before = time.perf_counter(), os.times()
        built = ask(program, "index", "build", folder / "base.npy", "-o", index, "--metric", metric, "--threads", "2")
        after = os.times()
        found = ask(program, "index", "measure", index, "--queries", folder / "query.npy", "--walk", WALKS, "--coarse", COARSE, "--filters")
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        # Reading the vectors, tuning, checks and writing the file are in these seconds.
        times = {"seconds": time.perf_counter() - start, "cpu": cpu, "memory_mb": built["bytes"] / 1e6}
        times["seconds"] = built["seconds"]
        return {"build": times, "points": found["measured"], "scan_us": found["scan_us"], "tuned": built["tuned"], "filters": found["filters"]}


def ask(program: Path, *words: str | Path) -> dict[str, Any]:
    done = subprocess.run([program, *words, "--json", "--quiet"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def at(points: list[dict[str, Any]], recall: float, key: str = "per_second") -> str:
    """Queries a second at a recall: the fastest point that reaches it."""
    reached = [point[key] for point in points if point["recall"] >= recall]
    return f"{max(reached):,.0f}" if reached else "-"


def table(results: dict[str, Any]) -> str:
    lines = ["# Nearest neighbours", "", "Recall of the nearest ten; queries a second on one thread, and in batches on two. `bench/ann/run` measures it.", ""]
    for name, programs in results.items():
        lines += [f"**{name}** ({data.SETS[name]})", ""]
        lines += ["| program | build s (CPU s) | MB | q/s at .90 | .95 | .99 | .999 | two threads at .99 | best recall | median, p99 µs at .95 |", "|---|---|---|---|---|---|---|---|---|---|"]
        for who in ("vecinity", *PEERS):
            found = programs.get(who)
            if found is None:
                continue
            if "failed" in found:
                lines.append(f"| {who} | failed: {found['failed']} | | | | | | | | |")
                continue
            made, points = found["build"], found["points"]
            single = [p for p in points if p["recall"] >= 0.95]
            times = f"{single[0]['median_us']:.0f}, {single[0]['p99_us']:.0f}" if single else "-"
            cells = [*(at(points, recall) for recall in RECALLS), at(points, 0.99, "batch_per_second")]
            best = max(point["recall"] for point in points)
            lines.append(f"| {who} | {made['seconds']:.1f} ({made['cpu']:.1f}) | {made['memory_mb']:.0f} | {' | '.join(cells)} | {best:.4f} | {times} |")
            if "scan_us" in found:
                lines.append(f"| {who}, scan of all codes | | | | | | {1e6 / found['scan_us']:,.0f} | | | {found['scan_us']:.0f} |")
        lines.append("")
        lines += filters(programs.get("vecinity", {}))
    return "\n".join(lines).rstrip()


def filters(found: dict[str, Any]) -> list[str]:
    if not found.get("filters"):
        return []
    effort = ", ".join(f"{way} {number}" for way, number in found["tuned"]["effort"].items())
    lines = [f"Filters at the effort {effort}; a scan of all codes takes {found['scan_us']:.0f} µs.", ""]
    lines += ["| filter | pass | recall | median µs | as a test of keys: recall | median µs |", "|---|---|---|---|---|---|"]
    for row in found["filters"]:
        place = "in one corner" if row["correlated"] else "spread evenly"
        lines.append(f"| {row['percent']} % | {place} | {row['recall']:.4f} | {row['median_us']:.0f} | {row['test_recall']:.4f} | {row['test_median_us']:.0f} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
