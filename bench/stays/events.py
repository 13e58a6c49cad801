"""Sessions of generate.py, one a line, as a table of events: session, guest, listing, event, time (a day).

usage: events.py FOLDER   (reads FOLDER/sessions.tsv, writes FOLDER/events.tsv)
"""
import sys
from pathlib import Path

KINDS = {"c": "click", "r": "rejected", "b": "booked"}


def main() -> None:
    folder = Path(sys.argv[1])
    with open(folder / "sessions.tsv") as sessions, open(folder / "events.tsv", "w") as to:
        next(sessions)
        to.write("session\tguest\tlisting\tevent\ttime\n")
        for line in sessions:
            session, guest, day, events = line.rstrip("\n").split("\t")
            for event in events.split():
                kind, listing = event.split(":")
                to.write(f"s{session}\t{guest}\t{listing}\t{KINDS[kind]}\t{day}\n")


if __name__ == "__main__":
    main()
