"""A comparison as text: a table with a section for each budget, what is left out, and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnbp.compare.row_texts import (
    HEADER,
    LEFT,
    SAME,
    left_out_lines,
    rounding_lines,
    row_cells,
    same_runs,
    shown,
)
from rnnbp.compare.rows import LeftOut, Row
from rnnbp.support.printing import filled

SHORT = 0.05
"""Seconds of a run below which what else the machine does shows in its time."""
VARIES = " Times of runs so short vary: more repeats, or a longer sequence, tell more."
GRADIENTS = HEADER.index("gradients")
"""The last column, which is left out where all rows have the same bits."""


def text_lines(reference: Row, rows: Sequence[Row], left_out: tuple[LeftOut, ...]) -> Iterator[str]:
    """The whole text: ``reference``, the base of the ratios, is the first row of the table."""
    runs = [reference, *rows]
    last = GRADIENTS if all(row.measured.same_bits for row in runs) else GRADIENTS + 1
    cells = [row_cells(row)[1:last] for row in runs]
    same = ["", *same_runs(rows)]
    figured = [line for line, name in zip(cells, same, strict=True) if not name]
    widths = _widths([HEADER[1:last], *figured], [line[:2] for line in cells])
    yield _line(HEADER[1:last], widths)
    share: float | None = None
    for row, line, name in zip(runs, cells, same, strict=True):
        if row is reference:
            yield "base of the ratios: full caching"
        elif row.share != share:
            share = row.share
            yield f"within {share:g} %: {shown(row.budget)} of arrays"
        yield _line((*line[:2], f"{SAME} {name}") if name else line, widths)
    for text in (*left_out_lines(left_out), "", *_legend(reference, rows, last)):
        yield filled(text)


def _widths(figured: Sequence[tuple[str, ...]], named: Sequence[tuple[str, ...]]) -> list[int]:
    """Of the columns: a row without figures counts in those of its name and parameters alone."""
    columns = [[line[k] for line in figured] for k in range(len(figured[0]))]
    for k in (0, 1):
        columns[k] += [line[k] for line in named]
    return [max(map(len, column)) for column in columns]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line; a row without figures has fewer cells than there are columns."""
    whole = len(cells) == len(widths)
    texts = (
        text.ljust(width) if k + 1 in LEFT or not whole else text.rjust(width)
        for k, (text, width) in enumerate(zip(cells, widths, strict=False))
    )
    return "  " + "  ".join(texts).rstrip()


def _legend(reference: Row, rows: Sequence[Row], last: int) -> Iterator[str]:
    """What the columns are, in which units."""
    cached, length = reference.measured, reference.choice.chunk
    yield (
        f"budget: of arrays, in percent of the {shown(cached.stats.peak_bytes)} that full caching "
        f"holds; Python's objects come on top, for which a budget of plan leaves room."
    )
    yield (
        "bytes: the most that arrays took at once; traced: the same with Python's objects, by "
        "tracemalloc."
    )
    yield (
        "rerun, rebuilt: steps. forecast, time: times as long as full caching in chunks of "
        f"{length:,}, the base, which took {cached.seconds:.3g} s."
        f"{VARIES if cached.seconds < SHORT else ''}"
    )
    if any(min(row.forecast_ratio, row.measured.ratio) < 1 for row in rows):
        yield (
            f"A ratio below 1 is faster than the base, mostly by chunks longer than {length:,}: "
            "each schedule has the chunks that are fastest within its budget. In a row with chunks "
            "of that length it shows how much times vary here."
        )
    if last == GRADIENTS:
        yield (
            "gradients: in all rows the same bits as those of full caching in chunks of the same "
            "length."
        )
    yield from (f"{line}." for line in rounding_lines([reference, *rows]))
