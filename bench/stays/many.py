#!/usr/bin/env python3
"""Many clicks at once: sessions that browse among near listings of a market, some of which end in a booking.

usage: many.py FOLDER [clicks=10000000] [listings=100000] [markets=200] [seed=5]

Listings of a market stand in a row; a guest looks at 2 to 15 of them within 25 places of where he is. Every fifth session ends in a
booking of one of its clicks, every fiftieth has a rejection. Writes events.tsv (session, listing, event) and listings.tsv.
"""
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
wanted = dict(clicks=10_000_000, listings=100_000, markets=200, seed=5)
wanted.update({name: int(value) for name, value in (part.split("=") for part in sys.argv[2:])})
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(wanted["seed"])
n, per_market = wanted["listings"], wanted["listings"] // wanted["markets"]
weights = 1 / np.arange(1, wanted["markets"] + 1) ** 0.8
with open(folder / "listings.tsv", "w") as to:
    to.write("listing\tmarket\tplace\n")
    to.writelines(f"l{i}\tm{i // per_market}\t{i % per_market}\n" for i in range(n))
done = session = 0
with open(folder / "events.tsv", "w") as to:
    to.write("session\tlisting\tevent\n")
    while done < wanted["clicks"]:
        lengths = rng.integers(2, 16, 100_000)
        market = rng.choice(wanted["markets"], len(lengths), p=weights / weights.sum())
        centre = rng.integers(0, per_market, len(lengths))
        of = np.repeat(np.arange(len(lengths)), lengths)
        place = np.clip(centre[of] + rng.integers(-25, 26, len(of)), 0, per_market - 1)
        listing = market[of] * per_market + place
        ends = np.cumsum(lengths)
        lines = [f"s{session + s}\tl{l}\tclick\n" for s, l in zip(of, listing)]
        for s in range(0, len(lengths), 5):
            at = ends[s] - 1 - rng.integers(lengths[s])
            kind = "rejected" if s % 250 == 0 else "booked"
            lines[ends[s] - 1] += f"s{session + s}\tl{listing[at]}\t{kind}\n"
        to.writelines(lines)
        done, session = done + len(of), session + len(lengths)
print("sessions", session, "clicks", done)
