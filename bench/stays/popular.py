#!/usr/bin/env python3
"""What a list of ten hits without any model: HR@10 by chance, and of what is most popular in the market of the last click.

usage: popular.py FOLDER   (FOLDER as generate.py and events.py made it)

The sessions are those of `--holdout goal`: the last tenth of the bookings in time; asked is after all clicks but those on the
booked listing, and what was clicked is on no list. Popular is what was clicked and booked most before.
"""
import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    with open(folder / "listings.tsv") as file:
        market = {row["listing"]: row["market"] for row in csv.DictReader(file, delimiter="\t")}
    sessions: dict[str, tuple[int, list[str], list[str]]] = {}
    with open(folder / "events.tsv") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            session = sessions.setdefault(row["session"], (int(row["time"]), [], []))
            if row["event"] != "rejected":
                session[2 if row["event"] == "booked" else 1].append(row["listing"])
    times = sorted(time for time, _, booked in sessions.values() if booked)
    cut = times[int(0.9 * len(times))]
    counts = Counter(listing for time, clicks, booked in sessions.values() if time < cut for listing in clicks + booked)
    popular = defaultdict(list)
    for listing, _ in counts.most_common():
        popular[market[listing]].append(listing)
    asked = hits = chance = 0
    for time, clicks, booked in sessions.values():
        if time < cut or not booked or booked[0] not in counts:
            continue
        known = [listing for listing in clicks if listing != booked[0] and listing in counts]
        if not known:
            continue
        asked += 1
        seen = set(known)
        best = [listing for listing in popular[market[known[-1]]][: 10 + len(seen)] if listing not in seen][:10]
        hits += booked[0] in best
        chance += 10 / (len(counts) - len(seen))
    print(f"{folder}\tasked {asked}\tchance {chance / asked:.4f}\tpopular in the market {hits / asked:.4f}")


if __name__ == "__main__":
    main()
