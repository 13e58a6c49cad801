"""Child process of the bench: EASE with numpy; ALS and item-kNN with implicit. Fits, and lists ten items for everybody."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

BATCH = 512
LISTED = 10
Listing = Callable[[sp.csr_matrix], np.ndarray]


def main() -> None:
    model, train, asked, lists, threads = sys.argv[1:]
    rows = [line.split() for line in Path(train).read_text().splitlines()]
    names = sorted({item for row in rows for item in row})
    number = {item: at for at, item in enumerate(names)}
    users, histories = zip(*(line.split("\t") for line in Path(asked).read_text().splitlines()), strict=True)
    known = [[item for item in history.split() if item in number] for history in histories]
    fit = {"ease": ease, "als": als, "item-knn": item_knn}[model]
    matrix, questions = sparse(rows, number), sparse(known, number)
    begin = clocks()
    recommend = fit(matrix, int(threads))
    fitted = clocks()
    found = recommend(questions)
    listed = clocks()
    text = (f"{user}\t{' '.join(names[item] for item in items)}\n" for user, items in zip(users, found, strict=True))
    Path(lists).write_text("".join(text))
    print(json.dumps({"fit": between(begin, fitted), "lists": between(fitted, listed)}))


def sparse(rows: list[list[str]], number: dict[str, int]) -> sp.csr_matrix:
    """Ones where a row has an item."""
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter((number[item] for row in rows for item in row), np.int32)
    matrix = sp.csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(rows), len(number)))
    matrix.sum_duplicates()
    return matrix


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def between(begin: tuple[float, float], end: tuple[float, float]) -> dict[str, float]:
    return {"wall": end[0] - begin[0], "cpu": end[1] - begin[1]}


def ease(matrix: sp.csr_matrix, _threads: int) -> Listing:
    """The closed form of Steck 2019, by LAPACK."""
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices_from(gram)] += 200
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)

    def recommend(questions: sp.csr_matrix) -> np.ndarray:
        found = []
        for start in range(0, questions.shape[0], BATCH):
            asked = questions[start : start + BATCH]
            scores = asked @ weights
            scores[asked.nonzero()] = -np.inf
            found.append(best(scores))
        return np.concatenate(found)

    return recommend


def best(scores: np.ndarray) -> np.ndarray:
    """The first ten of each row, in order."""
    some = np.argpartition(-scores, LISTED, axis=1)[:, :LISTED]
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1)
    return np.take_along_axis(some, order, axis=1)


def als(matrix: sp.csr_matrix, threads: int) -> Listing:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=64, alpha=10, regularization=1.0, iterations=12, num_threads=threads, random_state=1
    )
    model.fit(matrix, show_progress=False)
    # Whoever asks is solved for afresh, as with ours: the history has grown since.
    return lambda questions: listed(model, questions, recalculate_user=True)


def item_knn(matrix: sp.csr_matrix, threads: int) -> Listing:
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=201, num_threads=threads)
    model.fit(matrix, show_progress=False)
    return lambda questions: listed(model, questions, recalculate_user=True)


def listed(model: Any, questions: sp.csr_matrix, **how: bool) -> np.ndarray:
    found, _ = model.recommend(np.arange(questions.shape[0]), questions, N=LISTED, filter_already_liked_items=True, **how)
    return found


if __name__ == "__main__":
    main()
