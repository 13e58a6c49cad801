"""Writes a synthetic model as a word2vec file: `model.py FILE ITEMS VALUES`. The same for every run.

Items lie around 500 middles, spread along four of forty directions each, as trained vectors do: near ones exist.
"""

import array
import random
import sys

MIDDLES, DIRECTIONS = 500, 40


def write(path, items, values, seed=1):
    chance = random.Random(seed)
    draw = lambda: [chance.random() - 0.5 for _ in range(values)]
    middles, directions = [draw() for _ in range(MIDDLES)], [draw() for _ in range(DIRECTIONS)]
    with open(path, "wb") as file:
        file.write(f"{items} {values}\n".encode())
        for item in range(items):
            p, q, r, s = chance.sample(directions, 4)
            a, b, c, d = (chance.random() - 0.5 for _ in range(4))
            middle, noise = chance.choice(middles), chance.choice(middles)
            row = [m + a * e + b * f + c * g + d * h + 0.1 * n for m, e, f, g, h, n in zip(middle, p, q, r, s, noise)]
            file.write(f"i{item} ".encode() + array.array("f", row).tobytes() + b"\n")


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
