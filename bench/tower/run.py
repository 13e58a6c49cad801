"""Bench of the tower: Vecinity beside PyTorch, the same network, batch, loss and optimiser in the same run.

Measures the full softmax on ml-1m (speed, and accuracy after the same epochs), the sampled softmax on large tables beside
sparse gradients and dense Adam, and a growing catalogue. Writes the record bench/record/<machine>/<date>-tower.json
and a table beside it. Measure only on an otherwise idle machine.
"""

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import layout
import table
from common import machine, places
from common.measure import run
from common.record import Record

Entry = dict[str, Any]
# What tells the entries of a section of the record apart.
SECTIONS = {
    "accuracy": ("program", "seed", "epochs"),
    "full": ("data", "threads"),
    "sampled": ("items", "negatives"),
    "growth": ("items", "threads"),
}
PARTS = ("accuracy", "full", "sampled", "growth")
BATCH = 1024
NEGATIVES = 4096
SETTINGS = {
    "history": 20, "pools": 4, "hidden": 256, "dim": 64, "dropout": 0.2, "batch": BATCH, "optimizer": "AdamW",
    "rate": 0.002, "weight_decay": 0.01, "negatives": NEGATIVES, "noise_exponent": 0.75,
}  # fmt: skip
# Steps before the clock starts and steps that are timed. Dense Adam does the same work in every step: few are enough.
STEPS = {"vecinity": (100, 150), "torch, sparse": (40, 60), "torch, adam": (2, 5), "torch, adam-fused": (2, 5)}


def main() -> None:
    options = _options()
    facts = machine.describe()
    header = {
        "machine": facts,
        "programs": {"vecinity": _version(), "torch": importlib.metadata.version("torch")},
        "settings": SETTINGS,
    }
    folder = layout.CACHE / "quick" if options.quick else layout.RECORDS / machine.slug(facts)
    record = Record(folder, datetime.date.today().isoformat(), "tower", header, SECTIONS, table.markdown)
    for part in [part for part in PARTS if part in (options.only or PARTS)]:
        for entry in PART_RUNNERS[part](options):
            record.put(part, entry)
            print(f"{part}: {json.dumps(entry)}", flush=True)
    print(record.markdown())
    print(f"record: {os.path.relpath(record.path, layout.ROOT)}")


def _accuracy(options: argparse.Namespace) -> Iterator[Entry]:
    """HR@10 by the shared scorer after the same number of epochs of the full softmax."""
    train, asked = _log("ml-1m")
    for seed in range(1, options.seeds + 1):
        for program in ("vecinity", "torch"):
            with places.fresh(layout.CACHE) as inside:
                out = str(inside / "out")
                if program == "vecinity":
                    settings = _settings(inside, "full", epochs=options.epochs, threads=options.threads, seed=seed)
                    command = [str(_ours()), "train", settings, str(train), str(asked), out]
                else:
                    command = [*_torch(train, options.threads), f"--epochs={options.epochs}", f"--seed={seed}"]
                    command += [f"--asked={asked}", f"--out={out}"]
                found = _last_json(command, inside, options.threads)
                scorer = str(layout.shared() / "eval" / "eval_recs.py")
                score = [sys.executable, str(layout.BENCH / "score.py"), scorer, "ml-1m", out, str(found["width"])]
                yield {
                    "program": program, "seed": seed, "epochs": options.epochs, "threads": options.threads, **found,
                    "scores": _last_json(score, inside, 1),
                }  # fmt: skip


def _full(options: argparse.Namespace) -> Iterator[Entry]:
    """Examples a second of the full softmax on ml-1m."""
    train, _ = _log("ml-1m")
    steps = (5, 20) if options.quick else (20, 150)
    for threads in range(1, options.threads + 1):
        programs = {
            "vecinity": lambda inside, n=threads: _time(inside, train, "full", n, steps),
            "torch": lambda inside, n=threads: [*_torch(train, n), f"--warm={steps[0]}", f"--steps={steps[1]}"],
        }
        yield {"data": "ml-1m", "threads": threads, "runs": _turns(programs, options.runs, threads)}


def _sampled(options: argparse.Namespace) -> Iterator[Entry]:
    """Examples a second of the sampled softmax on large tables, one thread."""
    for items in options.tables:
        data = _zipf(items)
        for negatives in options.negatives:
            programs: dict[str, Any] = {
                "vecinity": lambda inside, data=data, negatives=negatives: _time(
                    inside, data, "sampled", 1, STEPS["vecinity"], negatives
                )
            }
            for kind in ("sparse", "adam", "adam-fused"):
                warm, timed = STEPS[f"torch, {kind}"]
                command = [*_torch(data, 1), "--loss=sampled", f"--negatives={negatives}"]
                command += [f"--optimizer={kind}", f"--warm={warm}", f"--steps={timed}"]
                programs[f"torch, {kind}"] = lambda inside, command=command: command
            yield {"items": items, "negatives": negatives, "runs": _turns(programs, options.runs, 1)}


def _growth(options: argparse.Namespace) -> Iterator[Entry]:
    """Examples a second and memory as the catalogue grows, with the default loss of large catalogues."""
    threads = options.threads
    for items in (1_000, *options.tables) if options.quick else (10_000, *options.tables):
        data = _zipf(items)
        programs = {
            loss: lambda inside, loss=loss, data=data: _time(inside, data, loss, threads, (100, 250))
            for loss in ("sampled", "mixed")
        }
        yield {"items": items, "threads": threads, "runs": _turns(programs, options.runs, threads)}


PART_RUNNERS = {"accuracy": _accuracy, "full": _full, "sampled": _sampled, "growth": _growth}


def _turns(programs: dict[str, Any], runs: int, threads: int) -> dict[str, list[Entry]]:
    """The programs in turn, so that what else the machine does meets all of them alike."""
    found: dict[str, list[Entry]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, command in programs.items():
            with places.fresh(layout.CACHE) as inside:
                found[name].append(_last_json(command(inside), inside, threads))
    return found


def _settings(inside: Path, loss: str, epochs: int, threads: int, seed: int = 1, negatives: int = NEGATIVES) -> str:
    path = inside / "run.toml"
    path.write_text(
        # What the other program has is said here, whatever the defaults are.
        f'[network]\nloss = "{loss}"\ntied = false\nattention = false\ntemperature = 0.0\nnegatives = {negatives}\nhistory = 20\npools = 4\nhidden = [256]\ndropout = 0.2\n'
        f"noise_exponent = 0.75\nbatch = {BATCH}\nweight_decay = 0.01\n"
        f"[train]\ndim = 64\nlearning_rate = 0.002\nepochs = {epochs}\nthreads = {threads}\nseed = {seed}\n"
    )
    return str(path)


def _time(
    inside: Path, data: Path, loss: str, threads: int, steps: tuple[int, int], negatives: int = NEGATIVES
) -> list[str]:
    settings = _settings(inside, loss, 1, threads, negatives=negatives)
    return [str(_ours()), "time", settings, str(data), *(str(number * BATCH) for number in steps)]


def _torch(data: Path, threads: int) -> list[str]:
    return [sys.executable, str(layout.BENCH / "torch_tower.py"), str(data), f"--threads={threads}"]


def _last_json(command: Sequence[str], inside: Path, threads: int) -> Entry:
    """What a process printed last."""
    os.environ |= {"VECINITY_DATA": str(layout.shared() / "data"), "VECINITY_SPLITS": str(layout.CACHE / "splits")}
    limits = [f"{name}={threads}" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")]
    finished = run(["env", *limits, *command], inside)
    return json.loads(finished.output.splitlines()[-1])


def _log(name: str) -> tuple[Path, Path]:
    train, asked = (layout.CACHE / "data" / f"{name}.{part}.u32" for part in ("train", "asked"))
    if not (train.exists() and asked.exists()):
        _make("log", str(layout.shared() / "eval" / "eval_recs.py"), name, str(train), str(asked))
    return train, asked


def _zipf(items: int) -> Path:
    path = layout.CACHE / "data" / f"zipf-{items}.u32"
    if not path.exists():
        _make("zipf", str(items), "20000", str(path))
    return path


def _make(*arguments: str) -> None:
    (layout.CACHE / "data").mkdir(parents=True, exist_ok=True)
    os.environ |= {"VECINITY_DATA": str(layout.shared() / "data"), "VECINITY_SPLITS": str(layout.CACHE / "splits")}
    subprocess.run([sys.executable, str(layout.BENCH / "make_data.py"), *arguments], check=True)


@cache
def _ours() -> Path:
    """The program of `crates/vecinity/examples/tower.rs`; `VECINITY_TOWER` names a binary to use in its place."""
    if given := os.environ.get("VECINITY_TOWER"):
        return Path(given).resolve()
    command = ["cargo", "build", "--release", "--quiet", "-p", "vecinity", "--example", "tower"]
    subprocess.run(command, cwd=layout.ROOT, check=True)
    return places.release() / "examples" / "tower"


def _version() -> str:
    """Ours, by version and digest."""
    text = (layout.ROOT / "Cargo.toml").read_text()
    version = next(line.split('"')[1] for line in text.splitlines() if line.startswith("version"))
    return f"{version} (binary {hashlib.sha256(_ours().read_bytes()).hexdigest()[:12]})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/tower/run", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="small data: does it all work? The record goes under .cache/quick")
    add("--only", type=lambda text: text.split(","), help=f"parts, by commas, of: {', '.join(PARTS)}")
    add("--runs", type=int, default=3, help="repeats of each time (3)")
    add("--epochs", type=int, default=3, help="epochs for accuracy (3)")
    add("--seeds", type=int, default=1, help="seeds for accuracy (1)")
    add("--tables", type=lambda text: [int(items) for items in text.split(",")], default=[100_000, 1_000_000],
        help="items of the large tables (100000,1000000)")  # fmt: skip
    # With fewer negatives the tables weigh more beside the products.
    add("--negatives", type=lambda text: [int(number) for number in text.split(",")], default=[NEGATIVES, 512],
        help="negatives of the sampled softmax (4096,512)")  # fmt: skip
    add("--threads", type=int, default=2, help="the largest number of threads (2)")
    options = parser.parse_args()
    if unknown := set(options.only or []) - set(PARTS):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}")
    if options.quick:
        options.runs, options.epochs, options.tables = 1, 1, [10_000]
    return options


if __name__ == "__main__":
    main()
