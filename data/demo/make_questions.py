#!/usr/bin/env python3
"""Makes factbook-questions.txt: analogies from pairs of words that the Factbook text holds, written down by hand."""

from itertools import permutations
from pathlib import Path

PAIRS = {
    "country-people": "france french, spain spanish, italy italian, portugal portuguese, germany german, greece greek, "
    "turkey turkish, japan japanese, china chinese, russia russian, poland polish, egypt egyptian",
    "country-capital": "france paris, spain madrid, italy rome, germany berlin, japan tokyo, russia moscow, kenya nairobi, "
    "egypt cairo, peru lima, cuba havana",
    "gram-plural": "river rivers, lake lakes, island islands, mountain mountains, port ports, election elections, "
    "export exports, import imports",
}


def main() -> None:
    lines: list[str] = []
    for section, pairs in PAIRS.items():
        lines.append(f": {section}")
        words = [pair.split() for pair in pairs.split(", ")]
        lines += [f"{a} {b} {c} {d}" for (a, b), (c, d) in permutations(words, 2)]
    Path(__file__).with_name("factbook-questions.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
