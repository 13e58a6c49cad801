"""Writes a synthetic model as a word2vec file: `model.py FILE ITEMS VALUES`. The same for every run."""

import array
import random
import sys


def write(path, items, values, seed=1):
    chance = random.Random(seed)
    with open(path, "wb") as file:
        file.write(f"{items} {values}\n".encode())
        for item in range(items):
            row = array.array("f", [chance.random() - 0.5 for _ in range(values)])
            file.write(f"i{item} ".encode() + row.tobytes() + b"\n")


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
