"""Child process of the bench: exact neighbours by cosine with numpy, one question at a time; random vectors."""

import json
import sys
import time

import numpy as np

LISTED = 10


def main() -> None:
    rows, dim, questions = map(int, sys.argv[1:])
    chance = np.random.default_rng(1)
    vectors = chance.random((rows, dim), np.float32) - 0.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = chance.integers(0, rows, questions)
    milliseconds = []
    for question in asked:
        begin = time.perf_counter()
        scores = vectors @ vectors[question]
        best = np.argpartition(scores, -LISTED - 1)[-LISTED - 1 :]
        best[np.argsort(-scores[best])]
        milliseconds.append(1000 * (time.perf_counter() - begin))
    print(json.dumps({"median": float(np.median(milliseconds)), "least": min(milliseconds)}))


if __name__ == "__main__":
    main()
