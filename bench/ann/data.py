"""The sets of vectors: what is indexed, what is asked, the true nearest ten. Made once, kept in the cache."""

import gzip
import os
import subprocess
from pathlib import Path

import numpy as np

import sentences

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(__file__).resolve().parent / ".cache"
SHARED = Path(os.environ.get("VECINITY_SHARED", ROOT.parent / "shared")) / "data"
QUERIES = 2000
SENTENCES = 20_000
NEAREST = 10

# Name of a set: the metric.
SETS = {
    "words": "cosine",
    "als-ml1m": "dot",
    "als-synthetic": "dot",
    "youtube-synthetic": "dot",
    "sentences": "cosine",
    "clustered-100k": "euclidean",
    "clustered-1m": "euclidean",
}


def prepare(name: str, program: Path) -> Path:
    """The folder of a set: base.npy, query.npy, truth.npy (the scores of the ten nearest, the larger the nearer)."""
    folder = CACHE / name
    if (folder / "truth.npy").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if name == "words":
        base, query = _words(folder, program)
    elif name == "als-ml1m":
        base, query = _als(*_ml1m())
    elif name == "als-synthetic":
        base, query = _als(*_synthetic())
    elif name == "youtube-synthetic":
        base, query = _youtube(folder, program, *_synthetic())
    elif name == "sentences":
        base, query = _sentences()
    else:
        base, query = _clustered(1_000_000 if name.endswith("1m") else 100_000)
    if SETS[name] == "cosine":
        base, query = (x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9) for x in (base, query))
    base, query = (np.ascontiguousarray(x, np.float32) for x in (base, query))
    for matrix, what in ((base, "base"), (query, "query")):
        np.save(folder / f"{what}.npy", matrix)
        (folder / f"{what}.ids.txt").write_text("".join(f"{row}\n" for row in range(len(matrix))))
    np.save(folder / "truth.npy", truth(base, query, SETS[name]))
    return folder


def scores(base: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    """Larger is nearer. Distances in double precision: differences of large numbers."""
    if metric != "euclidean":
        return query @ base.T
    base, query = base.astype(np.float64), query.astype(np.float64)
    return 2 * query @ base.T - (base**2).sum(1) - (query**2).sum(1)[:, None]


def truth(base: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    parts = []
    for start in range(0, len(query), 100):
        found = scores(base, query[start : start + 100], metric)
        parts.append(-np.sort(-np.partition(found, -NEAREST, axis=1)[:, -NEAREST:], axis=1))
    return np.concatenate(parts)


def _words(folder: Path, program: Path) -> tuple[np.ndarray, np.ndarray]:
    """Word vectors of 100 values, trained by Vecinity; every so many-th word is taken out and asked."""
    train = ["train", SHARED / "text/big.txt.gz", "-o", "m", "--dim", "100", "--epochs", "2", "--min-count", "2"]
    for words in (train, ["export", "m", "--format", "npy", "-o", "all.npy"]):
        subprocess.run([program, *words, "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    vectors = np.load(folder / "all.npy")
    order = np.random.default_rng(5).permutation(len(vectors))
    return vectors[order[QUERIES:]], vectors[order[:QUERIES]]


def _ml1m() -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(SHARED / "interactions/ml-1m/interactions.tsv.gz", "rt") as file:
        header = file.readline().rstrip("\n").split("\t")
        rows = [line.split("\t") for line in file]
    columns = (header.index("user"), header.index("item"))
    user, item = (np.unique([row[at] for row in rows], return_inverse=True)[1] for at in columns)
    return user, item


def _synthetic() -> tuple[np.ndarray, np.ndarray]:
    """20,000 users with tastes of 20 directions choose 30 of 40,000 items, popular ones more often."""
    rng = np.random.default_rng(11)
    users, items, chosen = 20_000, 40_000, 30
    taste, kind = rng.normal(size=(users, 20)).astype(np.float32), rng.normal(size=(items, 20)).astype(np.float32)
    popular = -0.8 * np.log(1 + rng.permutation(items)).astype(np.float32)
    picks = []
    for start in range(0, users, 500):
        logits = taste[start : start + 500] @ kind.T + popular + rng.gumbel(size=(500, items)).astype(np.float32)
        picks.append(np.argpartition(-logits, chosen, axis=1)[:, :chosen])
    return np.repeat(np.arange(users), chosen), np.unique(np.concatenate(picks).ravel(), return_inverse=True)[1]


def _als(user: np.ndarray, item: np.ndarray, dim: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Implicit ALS (Hu et al. 2008): items are indexed, users ask."""
    rng = np.random.default_rng(0)
    users, items = user.max() + 1, item.max() + 1
    left, right = (0.1 * rng.normal(size=(n, dim)).astype(np.float32) for n in (users, items))
    weight, decay = 10.0, 10.0
    for _ in range(3):
        for own, other, to, of in ((user, item, left, right), (item, user, right, left)):
            order = np.argsort(own, kind="stable")
            ends = np.searchsorted(own[order], np.arange(len(to) + 1))
            gram = of.T @ of + decay * np.eye(dim, dtype=np.float32)
            for row in range(len(to)):
                seen = of[other[order[ends[row] : ends[row + 1]]]]
                to[row] = np.linalg.solve(gram + weight * seen.T @ seen, (1 + weight) * seen.sum(0))
    return right, left[rng.permutation(users)[:QUERIES]]


def _youtube(folder: Path, program: Path, user: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The output matrix of Vecinity's network (64 values and the bias), asked by the vectors of users."""
    order = np.random.default_rng(13).permutation(len(user))
    lines = [f"{row}\t{user[at]}\t{item[at]}\n" for row, at in enumerate(order)]
    (folder / "events.tsv").write_text("time\tuser\titem\n" + "".join(lines))
    train = ["train", "events.tsv", "-o", "m", "--model", "youtube", "--dim", "64", "--epochs", "3", "--holdout", "none"]
    for words in (
        [*train, "--columns", "user=user,item=item,time=time"],
        ["export", "m", "--format", "npy", "--vectors", "output", "-o", "items.npy"],
        ["export", "m", "--format", "npy", "--users", "events.tsv", "-o", "users.npy"],
    ):
        subprocess.run([program, *words, "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    users = np.load(folder / "users.npy")
    return np.load(folder / "items.npy"), users[np.random.default_rng(14).permutation(len(users))[:QUERIES]]


def _sentences() -> tuple[np.ndarray, np.ndarray]:
    """Lines of 6 to 24 words, each once."""
    with gzip.open(SHARED / "text/big.txt.gz", "rt", encoding="utf-8") as file:
        lines = sorted({line.strip() for line in file if 6 <= len(line.split()) <= 24})
    chosen = np.random.default_rng(17).permutation(len(lines))[: SENTENCES + QUERIES]
    found = sentences.vectors([lines[at] for at in chosen])
    return found[QUERIES:], found[:QUERIES]


def _clustered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A thousand clusters in 96 dimensions, spread mostly along 16 directions."""
    rng = np.random.default_rng(3)
    middles, inner = rng.normal(size=(1000, 96)), rng.normal(size=(16, 96)) / 4

    def draw(n: int) -> np.ndarray:
        at = rng.integers(1000, size=n)
        return (middles[at] + rng.normal(size=(n, 16)) @ inner + 0.25 * rng.normal(size=(n, 96))).astype(np.float32)

    return draw(count), draw(QUERIES)
