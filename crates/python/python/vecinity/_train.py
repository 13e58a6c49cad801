"""Training: Python data in, a model out."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias

from vecinity import _vecinity
from vecinity._model import Model, load
from vecinity._options import ELSEWHERE, Duration, Path, plain

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vecinity._options import Options

logger = logging.getLogger("vecinity")

Data: TypeAlias = "Path | Sequence[os.PathLike[str]] | Iterable[Iterable[str | int]] | Any"
Callback: TypeAlias = Callable[[dict[str, Any]], object]
Progress: TypeAlias = Literal["auto", "bar", "lines", "none"]


def train(
    data: Data,
    output: Path | None = None,
    *,
    resume: bool = False,
    checkpoint_every: Duration | None = None,
    progress: Progress = "auto",
    callbacks: Callback | Sequence[Callback] = (),
    **options: Unpack[Options],
) -> Model:
    """Train embeddings, and for items a measured recommender: the same as `vecinity train`.

    Args:
        data: One of

            * the name of a file, a folder or a pattern, or a list of `pathlib.Path`;
            * sequences of tokens (`str` or `int`): a list of lists, a generator, anything that yields them;
            * a table of events: pandas or polars DataFrame, Arrow table, anything with `__arrow_c_stream__`. Its memory
              is read in place, and its columns are found by name (`columns={"user": "uid", "item": "sku"}` names them).
        output: The model folder to make; an older model there is replaced at the end. Without it the model lives in a
            temporary folder for as long as the object does; `Model.save` keeps it.
        resume: Go on from the checkpoint of a stopped run with the same data, settings and output.
        checkpoint_every: Write a checkpoint this often: seconds, `"5m"` or a `timedelta`.
        progress: `bar` is one line that changes, `lines` one every ten seconds; `auto` is the bar in terminals and
            notebooks, and nothing elsewhere. What was found in the data also goes to the logger `vecinity`.
        callbacks: Called with a dict: ten times a second `{"event": "progress", "epoch", "epochs", "loss", ...}`, behind
            every measured epoch `{"event": "eval", "epoch", "valid_ndcg", "best"}`, and behind every epoch
            `{"event": "epoch", "epoch"}`. The training ends behind the current epoch once one returns `False`, and the
            model is what it has become; an exception ends it at once and is raised.
        **options: The settings of `vecinity train --help`, with `_` for `-`; see `Options`.

    Returns:
        The model.

    Raises:
        ValueError: A setting or the data cannot be used; the text names which, where, and what to do.
        TypeError: The data is of a kind that cannot be learned from, such as a list of str.
        OSError: A file cannot be read or written.
        KeyboardInterrupt: Ctrl-C. With an `output`, a checkpoint lies beside it, and `resume=True` goes on.
    """
    watcher = Watcher(progress, [callbacks] if callable(callbacks) else list(callbacks))
    every = None if checkpoint_every is None else _seconds(checkpoint_every)
    temporary = None
    if output is None:
        temporary = tempfile.TemporaryDirectory(prefix="vecinity-")
        output = os.path.join(temporary.name, "untitled.model")
    for name in options:
        if name in ELSEWHERE:
            raise ValueError(f"there is no setting '{name}'; here it is `{ELSEWHERE[name]}`")
    given = {name: _given(name, value) for name, value in options.items() if value is not None}
    try:
        _vecinity.train(_data(data), os.fspath(output), given, watcher, resume, every)
    finally:
        watcher.end()
    model = load(output)
    model._temporary = temporary
    return model


class _Files:
    """Names of files, as the compiled half knows them."""

    def __init__(self, names: list[str]) -> None:
        self.file_names = names


def _data(data: Any) -> Any:
    """What the compiled half reads: names of files, a table, or an iterable of sequences."""
    if isinstance(data, (str, os.PathLike)):
        return _Files([os.fspath(data)])
    if isinstance(data, (bytes, bytearray, dict)):
        raise TypeError(
            f"data is a {type(data).__name__}, expected the name of a file, lists of tokens, or a table of events"
        )
    if hasattr(data, "tocsr"):
        raise TypeError(
            f"data is a {type(data).__name__}, expected lists of items: "
            "m = data.tocsr(); [m.indices[a:b] for a, b in itertools.pairwise(m.indptr)]"
        )
    if hasattr(data, "collect"):
        raise TypeError(f"data is a {type(data).__name__}, which was not read yet: data.collect()")
    if hasattr(data, "__arrow_c_stream__"):
        # One column alone, such as a Series, is a list of lists.
        table = hasattr(data, "columns") or hasattr(data, "schema") or not isinstance(data, Iterable)
        return data if table else (data.to_pylist() if hasattr(data, "to_pylist") else iter(data))
    if isinstance(data, (list, tuple)):
        if data and all(isinstance(name, os.PathLike) for name in data):
            return _Files([os.fspath(name) for name in data])
        return data
    if not isinstance(data, Iterable):
        raise TypeError(
            f"data is a {type(data).__name__}, expected the name of a file, lists of tokens, or a table of events"
        )
    if isinstance(data, Iterator):
        nothing = object()
        first = next(data, nothing)
        if first is nothing:
            raise ValueError(f"data is a {type(data).__name__} that yields nothing; one that was used up before has to be made anew")
        return itertools.chain([first], data)
    return data


def _given(name: str, value: Any) -> Any:
    """A setting as the library reads it; tables of metadata become lines of JSON."""
    if name in ("metadata", "user_metadata") and not isinstance(value, (str, os.PathLike)):
        return {"lines": _lines_of(value, name)}
    return plain(value)


def _lines_of(table: Any, name: str) -> str:
    if hasattr(table, "to_json") and hasattr(table, "columns"):  # pandas
        if table.index.name is not None:
            table = table.reset_index()
        lines: str = table.to_json(orient="records", lines=True, force_ascii=False, date_format="iso")
    elif hasattr(table, "write_ndjson"):  # polars
        lines = table.write_ndjson()
    else:
        raise TypeError(f"{name} is a {type(table).__name__}, expected a file, or a pandas or polars DataFrame")
    return lines


def _seconds(duration: Duration) -> float:
    if isinstance(duration, str):
        units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
        number, unit = (duration[:-1], duration[-1]) if duration[-1:] in units else (duration, "s")
        try:
            return float(number) * units[unit]
        except ValueError:
            raise ValueError(f"checkpoint_every is {duration!r}, expected seconds, or such as '30s', '5m', '1h'") from None
    return float(plain(duration))


class Watcher:
    """Shows what goes on and asks the callbacks; the compiled half calls its methods."""

    def __init__(self, progress: Progress, callbacks: list[Callback]) -> None:
        if progress not in ("auto", "bar", "lines", "none"):
            raise ValueError(f"progress is {progress!r}, expected 'auto', 'bar', 'lines' or 'none'")
        notebook = _in_notebook()
        if progress == "auto":
            progress = "bar" if notebook or sys.stderr.isatty() else "none"
        self._style = progress
        self._to: TextIO = sys.stdout if notebook else sys.stderr
        self._callbacks = callbacks
        self._stopped = False
        self._width = 0
        self._last = 0.0

    @property
    def looks_at_epochs(self) -> bool:
        return bool(self._callbacks)

    def say(self, text: str) -> None:
        """What was found in the data."""
        if text.startswith("warning "):
            logger.warning("%s", text.removeprefix("warning ").strip())
        else:
            logger.info("%s", text)
            self._print(text)

    def stage(self, text: str) -> None:
        """What goes on now."""
        self._stopped = False if text.startswith("train ") else self._stopped
        logger.info("%s", text)
        self._print(text)

    def progress(self, progress: dict[str, Any]) -> None:
        """Ten times a second."""
        self._call({"event": "progress", **progress})
        if self._style == "bar":
            self._bar(_line(progress))
        elif self._style == "lines" and time.monotonic() - self._last >= 10:
            self._last = time.monotonic()
            self._print("train   " + _line(progress))

    def note(self, event: dict[str, Any]) -> None:
        """A measured epoch."""
        self._call(event)

    def goes_on(self, epoch: int) -> bool:
        """Behind every epoch."""
        self._call({"event": "epoch", "epoch": epoch})
        return not self._stopped

    def end(self) -> None:
        """Takes the bar away."""
        if self._width:
            self._to.write("\r" + " " * self._width + "\r")
            self._to.flush()
            self._width = 0

    def _call(self, event: dict[str, Any]) -> None:
        for callback in self._callbacks:
            if callback(event) is False:
                self._stopped = True

    def _print(self, text: str) -> None:
        if self._style != "none":
            self.end()
            self._to.write(text + "\n")
            self._to.flush()

    def _bar(self, text: str) -> None:
        self._to.write("\r" + text.ljust(self._width))
        self._to.flush()
        self._width = len(text)


def _line(progress: dict[str, Any]) -> str:
    done, total = progress["tokens"], progress["total_tokens"]
    rate, loss = progress["tokens_per_second"], progress["loss"]
    left = f"{(total - done) / rate:.0f} s" if done and rate else "-"
    filled = 20 * done // max(total, 1)
    said = "-" if loss is None else f"{loss:.3f}"
    return (
        f"[{'#' * filled}{'.' * (20 - filled)}] epoch {progress['epoch']}/{progress['epochs']} · "
        f"{rate / 1e6:.2f} M tokens/s · loss/pair {said} · left {left}"
    )


def _in_notebook() -> bool:
    """Whether output goes to cells."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


__all__ = ["train"]
