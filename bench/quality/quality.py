"""Quality of recommendations: default settings, several seeds, judged by the shared scorer."""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHARED = Path(os.environ.get("VECINITY_SHARED", ROOT.parent / "shared"))
sys.path.append(str(HERE.parent))  # bench/common
from common import machine  # noqa: E402

ROW = "this model"
VECTORS = "its vectors alone"


@dataclass(frozen=True)
class Task:
    """A data set with the way it is split."""

    name: str
    data: str
    protocol: str
    file: str
    flags: tuple[str, ...] = ()
    users: str = ""
    """The file with what is known of users, which questions need as well."""


# Chosen on validation: NDCG@10 .091 before --strictly-earlier (.046 of vectors alone), .122 with it (.101); .114 without the temperature.
ORDERS = tuple(
    "--model youtube --kind sequence --holdout time --features country --example-age --strictly-earlier "
    "--history 200 --mean --temperature 0.1 --dropout 0.5 --epochs 6".split()
)

TASKS = [
    Task("ml-100k, last", "ml-100k", "loo", "interactions.tsv.gz"),
    Task("ml-1m, last", "ml-1m", "loo", "interactions.tsv.gz"),
    Task("online-retail, basket", "online-retail", "basket", "baskets.txt.gz", ("--kind", "set")),
    Task("online-retail, time", "online-retail", "temporal", "interactions.tsv.gz", ("--kind", "set", "--holdout", "time")),
    Task("recipes, basket", "recipes-flavornetwork", "basket", "interactions.tsv.gz"),
    Task("ml-100k, last, network", "ml-100k", "loo", "interactions.tsv.gz", ("--model", "youtube")),
    Task("ml-1m, last, network", "ml-1m", "loo", "interactions.tsv.gz", ("--model", "youtube")),
    Task("online-retail, time, network", "online-retail", "temporal", "interactions.tsv.gz", ORDERS, "users.tsv"),
]


def main() -> None:
    options = arguments()
    if unknown := set(options.only) - {task.name for task in TASKS}:
        raise SystemExit(f"--only: unknown {'; '.join(sorted(unknown))}")
    program = options.vecinity or build()
    tasks = [task for task in TASKS if not options.only or task.name in options.only]
    with tempfile.TemporaryDirectory() as folder:
        results = [run(program, task, seed, Path(folder)) for task in tasks for seed in options.seeds]
    facts = machine.describe()
    date = datetime.date.today().isoformat()
    path = ROOT / "bench" / "record" / machine.slug(facts) / f"{date}-quality.json"
    if not options.no_record:
        results = merged(path, results)
    record = {"date": date, "machine": facts, "results": results}
    table = markdown(facts, results)
    print(table)
    if not options.no_record:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")
        path.with_suffix(".md").write_text(table)
        print(f"record: {path.relative_to(ROOT)}")


def merged(path: Path, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the results of earlier runs of the day; a new one replaces the old one of the same task and seed."""
    old = json.loads(path.read_text())["results"] if path.exists() else []
    new = {(result["task"], result["seed"]) for result in results}
    together = [*(result for result in old if (result["task"], result["seed"]) not in new), *results]
    order = [task.name for task in TASKS]
    return sorted(together, key=lambda result: (order.index(result["task"]), result["seed"]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/quality/run", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(";"), default=[], help=f"tasks, by semicolons, of: {'; '.join(task.name for task in TASKS)}")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[1, 2, 3, 4, 5])
    parser.add_argument("--vecinity", type=Path, help="a binary to use in place of a fresh release build")
    parser.add_argument("--no-record", action="store_true")
    return parser.parse_args()


def build() -> Path:
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "vecinity-cli"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "vecinity"


def run(program: Path, task: Task, seed: int, folder: Path) -> dict[str, Any]:
    """One training, its lists, and what both rulers say."""
    print(f"{task.name}, seed {seed}", flush=True)
    model = folder / "model"
    data = SHARED / "data" / "interactions" / task.data / task.file
    known = ["--user-metadata", data.parent / task.users] if task.users else []
    before = os.times()
    command(program, "train", data, "-o", model, "--seed", seed, "--no-refit", "--quiet", "--progress", "none", *task.flags, *known)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    metrics = json.loads((model / "metrics.json").read_text())["evaluation"]
    rows = {row["name"]: row for row in metrics["rows"]}
    lists = recommend(program, task, model, folder, known)
    scored = score(task, lists, folder)
    ours = rows[ROW]["test"]
    for name, value in [("HR@10", ours["hr"][0]), ("NDCG@10", ours["ndcg"][0]), ("HR@50", ours["hr"][2])]:
        if abs(scored[name] - value) > 1.1e-5:
            raise SystemExit(f"{task.name}: {name} is {scored[name]} by the scorer, {value:.5f} by vecinity")
    figures = {
        name: {"hr": row["test"]["hr"][0], "ndcg": row["test"]["ndcg"][0], "coverage": row["test"]["coverage"]}
        for name, row in rows.items()
    }
    return {
        "task": task.name,
        "seed": seed,
        "scorer": scored,
        "figures": figures,
        "recipe": rows[ROW]["settings"],
        "verdict": metrics["verdict"],
        "best_epoch": metrics["best_epoch"],
        "cpu_seconds": round(seconds, 1),
    }


def recommend(program: Path, task: Task, model: Path, folder: Path, known: list[Any]) -> Path:
    """The lists of all owners of the test, as the scorer reads them."""
    split = splits(task, folder)
    histories = folder / "histories.tsv"
    with histories.open("w") as file:
        file.write("user\titem\tts\n")
        for user, items in questions(task, split):
            for at, item in enumerate(items):
                file.write(f"{user}\t{item}\t{at}\n")
    output = folder / "lists.tsv"
    command(program, "recommend", model, "--input", histories, "--output", output, "-k", 50, "--quiet", *known)
    lists: dict[str, list[str]] = {}
    with output.open() as file:
        header = file.readline().rstrip("\n").split("\t")
        user, item = header.index("user"), header.index("item")
        for line in file:
            fields = line.rstrip("\n").split("\t")
            lists.setdefault(fields[user], []).append(fields[item])
    scored = folder / "lists.txt"
    scored.write_text("".join(f"{user}\t{' '.join(items)}\n" for user, items in lists.items()))
    return scored


def splits(task: Task, folder: Path) -> Path:
    """The scorer's own split files."""
    path = folder / "splits" / task.data / task.protocol
    if not path.exists():
        scorer(folder, "split", task.data, task.protocol)
    return path


def questions(task: Task, split: Path) -> Any:
    """Every owner with the history that the scorer uses."""

    def rows(name: str) -> list[list[str]]:
        return [line.split("\t") for line in (split / name).read_text().splitlines()]

    if task.protocol == "basket":
        for basket, _, items in rows("test.tsv"):
            yield basket, items.split()
        return
    histories: dict[str, list[str]] = {}
    for name in ["train.tsv", "valid.tsv"] if task.protocol == "loo" else ["train.tsv"]:
        for user, item, _ in rows(name):
            histories.setdefault(user, []).append(item)
    yield from histories.items()


def score(task: Task, lists: Path, folder: Path) -> dict[str, float]:
    scored: dict[str, float] = json.loads(scorer(folder, "recs", task.data, task.protocol, str(lists)).splitlines()[-1])
    return scored


def scorer(folder: Path, *words: str) -> str:
    environment = {**os.environ, "VECINITY_SPLITS": str(folder / "splits"), "VECINITY_DATA": str(SHARED / "data")}
    script = SHARED / "eval" / "eval_recs.py"
    done = subprocess.run([sys.executable, script, *words], env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def command(program: Path, *words: Any) -> None:
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"vecinity {' '.join(map(str, words))}: {done.stderr}")


def markdown(facts: dict[str, Any], results: list[dict[str, Any]]) -> str:
    lines = [
        f"# Recommendations, {datetime.date.today().isoformat()}",
        "",
        f"Machine: {facts['cpu']}, {facts['cores']} cores." if "cpu" in facts and "cores" in facts else "",
        "Default settings, but for the task of orders, whose are in `bench/quality/quality.py`; mean ± standard deviation over the seeds; test, asked once. By `eval_recs.py`, which gives the same figures as the program.",
        "",
        "| data | seeds | who | HR@10 | NDCG@10 | coverage@10 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for task in dict.fromkeys(result["task"] for result in results):
        of_task = [result for result in results if result["task"] == task]
        names = list(dict.fromkeys(name for result in of_task for name in result["figures"]))
        for name in names:
            figures = [result["figures"][name] for result in of_task if name in result["figures"]]
            cells = [spread([figure[key] for figure in figures]) for key in ("hr", "ndcg", "coverage")]
            who = f"**{name}**" if name == ROW else name
            lines.append(f"| {task} | {len(figures)} | {who} | {' | '.join(cells)} |")
    lines.append("")
    for result in results:
        lines.append(f"- {result['task']}, seed {result['seed']}: {result['recipe']}; {result['verdict']['verdict']} against {result['verdict'].get('against', 'nothing')}")
    return "\n".join(lines) + "\n"


def spread(values: list[float]) -> str:
    mean = statistics.fmean(values)
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{mean:.4f} ± {deviation:.4f}" if deviation > 5e-5 else f"{mean:.4f}"


if __name__ == "__main__":
    main()
