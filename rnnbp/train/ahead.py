"""Whether all batches of a run fit in its budget, as far as their shapes are known before step 1.

The first batches may take least, as windows of warm-up, which have no loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from rnnbp.planning.budget import BudgetError
from rnnbp.train.batches import Batches
from rnnbp.train.by_rows import Check
from rnnbp.train.data import Sequences
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch, Source, is_batch
from rnnbp.train.windows import Windows


class Ahead(NamedTuple):
    """A batch of an epoch: its number, how to get it, and whether it is known to have no weight.

    The number is None for one that is of any epoch, or needs more than any.
    """

    number: int | None
    get: Callable[[], Batch]
    weightless: bool = False

    @property
    def place(self) -> str:
        """The words for it in errors."""
        if self.number is None:
            return "for a batch of the longest sequences; no step was made"
        return f"for batch {self.number} of an epoch; no step was made"


def check_ahead(data: Source, epoch: int, check: Check) -> None:
    """Raise the BudgetError of the batch that needs most, with a note which one it is.

    Args:
        check: its other ValueErrors and TypeErrors are left to the step that the batch belongs to.
    """
    worst: BudgetError | None = None
    for ahead in _differing(data, epoch):
        try:
            batch = ahead.get()
        except Exception:  # whatever a source raises; the step gets the same batch, and says where
            continue
        try:
            check(batch, weightless=ahead.weightless)
        except BudgetError as error:
            error.add_note(ahead.place)
            if worst is None or (error.least or 0) > (worst.least or 0):
                worst = error
        except (ValueError, TypeError):  # as of shapes; the step refuses them too, and says where
            continue
        except Exception as error:  # whatever a layer or loss raises, or a fault of the check
            error.add_note(ahead.place)
            raise
    if worst is not None:
        raise worst


def _differing(data: Source, epoch: int) -> Iterator[Ahead]:
    """Batches of which each differs from those before in shapes or dtypes."""
    if isinstance(data, Batches) and isinstance(data.given, list | tuple):
        yield from _of_list(data, data.given)
    elif isinstance(data, Sequences) and data.lengths is not None:
        yield Ahead(None, data.longest)
    elif isinstance(data, Shuffled):
        for index in sorted({0, data.batches_per_epoch - 1}):
            yield Ahead(index, partial(data.batch, epoch, index))
    elif isinstance(data, Windows):
        yield from _of_windows(data)


def _of_windows(data: Windows) -> Iterator[Ahead]:
    """One window of each length, within the warm-up, with a mask, and without."""
    seen: set[object] = set()
    begin = 0
    for one in data.streams:
        lane = len(one.x) // data.batch_size
        count, warm = math.ceil(lane / data.horizon), math.ceil(data.warm_up / data.horizon)
        for n in sorted({0, min(max(warm - 1, 0), count - 1), min(warm, count - 1), count - 1}):
            end = min((n + 1) * data.horizon, lane)
            masked, weightless = one.mask is not None or n < warm, end <= data.warm_up
            kind = end - n * data.horizon, masked, weightless
            if kind not in seen:
                seen.add(kind)
                yield Ahead(begin + n, partial(data.batch, 0, begin + n), weightless)
        begin += count


def _of_list(data: Batches, given: list[object] | tuple[object, ...]) -> Iterator[Ahead]:
    """Batches of a list of arrays: of those that differ in length alone the longest, which needs
    the most.
    """
    longest: dict[object, tuple[int, Ahead]] = {}
    for index, item in enumerate(islice(given, data.declared)):
        parts = (item.x, item.target, item.mask) if is_batch(item) else item
        if not isinstance(parts, list | tuple) or not parts:
            continue
        x, time = parts[0], int(data.layout.batch_first and parts is item)
        if not isinstance(x, np.ndarray) or x.ndim < 2:
            continue
        kinds = [p.dtype if isinstance(p, np.ndarray) else type(p) for p in parts]
        kind = x.shape[1 - time], x.shape[2:], x.flags.c_contiguous, *kinds
        if kind not in longest or x.shape[time] > longest[kind][0]:
            ahead = Ahead(index, partial(data.layout.batch, item, fresh=True))
            longest[kind] = x.shape[time], ahead
    return (ahead for _, ahead in longest.values())
