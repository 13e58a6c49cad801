"""One library on one set, in a process of its own: prints a JSON object. `peer.py LIBRARY SET_FOLDER METRIC`."""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from data import NEAREST

Search = Callable[[np.ndarray, int], np.ndarray]
EFFORTS = (10, 14, 20, 28, 40, 60, 90, 130, 200, 300, 450, 700, 1000)
LINKS, BUILD_EFFORT = 16, 200


def hnswlib(base: np.ndarray, metric: str, threads: int) -> Iterator[tuple[int, Search]]:
    import hnswlib as lib

    index = lib.Index(space={"cosine": "ip", "dot": "ip", "euclidean": "l2"}[metric], dim=base.shape[1])
    index.init_index(len(base), M=LINKS, ef_construction=BUILD_EFFORT)
    index.add_items(base, num_threads=threads)
    yield 0, lambda q, threads: q
    for effort in EFFORTS:
        index.set_ef(effort)
        yield effort, lambda q, threads: index.knn_query(q, k=NEAREST, num_threads=threads)[0]


def faiss_hnsw(base: np.ndarray, metric: str, threads: int) -> Iterator[tuple[int, Search]]:
    import faiss

    faiss.omp_set_num_threads(threads)
    kind = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexHNSWFlat(base.shape[1], LINKS, kind)
    index.hnsw.efConstruction = BUILD_EFFORT
    index.add(base)
    yield 0, lambda q, threads: q

    def search(q: np.ndarray, threads: int) -> np.ndarray:
        faiss.omp_set_num_threads(threads)
        return index.search(q, NEAREST)[1]

    for effort in EFFORTS:
        index.hnsw.efSearch = effort
        yield effort, search


def faiss_flat(base: np.ndarray, metric: str, threads: int) -> Iterator[tuple[int, Search]]:
    import faiss

    kind = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexFlat(base.shape[1], kind)
    index.add(base)
    yield 0, lambda q, threads: q

    def search(q: np.ndarray, threads: int) -> np.ndarray:
        faiss.omp_set_num_threads(threads)
        return index.search(q, NEAREST)[1]

    yield 1, search


def usearch(base: np.ndarray, metric: str, threads: int) -> Iterator[tuple[int, Search]]:
    from usearch.index import Index

    kind = {"cosine": "ip", "dot": "ip", "euclidean": "l2sq"}[metric]
    index = Index(ndim=base.shape[1], metric=kind, dtype="f32", connectivity=LINKS, expansion_add=BUILD_EFFORT)
    index.add(np.arange(len(base), dtype=np.uint64), base, threads=threads)
    yield 0, lambda q, threads: q
    for effort in EFFORTS:
        index.expansion_search = effort
        yield effort, lambda q, threads: index.search(q, NEAREST, threads=threads).keys.astype(np.int64).reshape(len(q), -1)


def voyager(base: np.ndarray, metric: str, threads: int) -> Iterator[tuple[int, Search]]:
    import voyager as lib

    space = lib.Space.Euclidean if metric == "euclidean" else lib.Space.InnerProduct
    index = lib.Index(space, base.shape[1], M=LINKS, ef_construction=BUILD_EFFORT)
    index.add_items(base, num_threads=threads)
    yield 0, lambda q, threads: q
    for effort in EFFORTS:
        yield effort, lambda q, threads: index.query(q, k=NEAREST, num_threads=threads, query_ef=effort)[0].astype(np.int64)


def scann(base: np.ndarray, metric: str, threads: int) -> Iterator[tuple[int, Search]]:
    import scann as lib

    kind = "squared_l2" if metric == "euclidean" else "dot_product"
    leaves = int(len(base) ** 0.5)
    builder = lib.scann_ops_pybind.builder(base, NEAREST, kind).tree(leaves, leaves // 10, training_sample_size=len(base))
    builder.set_n_training_threads(threads)
    index = builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build()
    yield 0, lambda q, threads: q
    for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0):
        for reorder in (30, 100, 300):
            leaf = max(1, int(share * leaves))


            def search(q: np.ndarray, threads: int) -> np.ndarray:
                find = index.search_batched if threads == 1 else index.search_batched_parallel
                return find(q, NEAREST, reorder, leaf)[0].astype(np.int64)

            yield leaf * 1000 + reorder, search


def symphonyqg(base: np.ndarray, metric: str, threads: int) -> Iterator[tuple[int, Search]]:
    import rabitqlib as lib

    index = lib.SymqgIndex(base.shape[1], 2 * LINKS, metric="ip" if metric == "dot" else "l2")
    index.build(base, BUILD_EFFORT, num_threads=threads)
    yield 0, lambda q, threads: q
    for effort in EFFORTS:

        def search(q: np.ndarray, threads: int) -> np.ndarray:
            return np.asarray(index.search(q, NEAREST, effort, num_threads=threads)[0]).astype(np.int64).reshape(len(q), -1)

        yield effort, search


LIBRARIES = {"hnswlib": hnswlib, "faiss-hnsw": faiss_hnsw, "faiss-flat": faiss_flat, "usearch": usearch, "voyager": voyager, "scann": scann, "symphonyqg": symphonyqg}


def recall(base: np.ndarray, query: np.ndarray, truth: np.ndarray, found: np.ndarray, metric: str) -> float:
    """The share of the ten nearest that were found; equal scores stand for each other."""
    vectors = base[found.clip(0)]
    if metric == "euclidean":
        own = -((vectors - query[:, None].astype(np.float64)) ** 2).sum(2)
    else:
        own = np.einsum("qkd,qd->qk", vectors, query)
    margin = 1e-5 * np.abs(truth[:, -1:]).clip(1)
    return float(((own >= truth[:, -1:] - margin) & (found >= 0)).sum() / truth.size)


def rate(ask: Callable[[], object], queries: int, clock: Callable[[], float], seconds: float) -> float:
    """Queries a second."""
    start, asked = clock(), 0
    while asked == 0 or clock() - start < seconds:
        ask()
        asked += queries
    return asked / (clock() - start)


def main() -> None:
    name, folder, metric = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    threads, budget = int(sys.argv[4]), float(sys.argv[5])
    base, query, truth = (np.load(folder / f"{what}.npy") for what in ("base", "query", "truth"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    steps = LIBRARIES[name](base, metric, threads)
    next(steps)
    build = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    # Peak growth of this process: the library's copy of the vectors and what it adds.
    build["memory_mb"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    points = []
    for effort, search in steps:
        found = search(query, 1)
        times = []
        start = time.perf_counter()
        for row in range(len(query)):
            one = time.perf_counter()
            search(query[row : row + 1], 1)
            times.append(time.perf_counter() - one)
            if time.perf_counter() - start > budget / 3:
                break
        # One thread: of the process, not of the clock, so that threads that a library starts unasked are counted.
        times = np.array(times) * 1e6
        points.append({
            "effort": effort,
            "recall": recall(base, query, truth, found, metric),
            "per_second": rate(lambda: search(query, 1), len(query), time.process_time, budget / 3),
            "batch_per_second": rate(lambda: search(query, 2), len(query), time.perf_counter, budget / 3),
            "median_us": float(np.median(times)),
            "p99_us": float(np.quantile(times, 0.99)),
        })
        if points[-1]["recall"] > 0.9995:
            break
    print(json.dumps({"build": build, "points": points}))


if __name__ == "__main__":
    main()
