"""Tables in the README: each bench has a place between two comments of its own."""

import re
from pathlib import Path


def put(readme: Path, bench: str, block: str) -> None:
    """Puts the block in the bench's place."""
    begin, end = f"<!-- bench/{bench}: begin -->", f"<!-- bench/{bench}: end -->"
    text = readme.read_text()
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{readme} has no place for the table: put {begin} and {end} into it")
    readme.write_text(pattern.sub(lambda _: f"{begin}\n{block}\n{end}", text))
