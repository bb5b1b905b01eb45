"""Long streams and recordings, cut into windows that carry the state from one to the next."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from typing import Self, TypeVar, final

import numpy as np

from rnnbp.checks.mapped import check_there
from rnnbp.inputs.given import InputsOf
from rnnbp.numerics import Array, flag, positive_int, whole_number
from rnnbp.support import reprs
from rnnbp.support.lazy import cached_property
from rnnbp.train.by_rows import ByRows, RowsOf
from rnnbp.train.digests import digest
from rnnbp.train.file_rows import FileRows
from rnnbp.train.joined_lanes import JoinedLanes
from rnnbp.train.recording_lists import are_texts, text_of
from rnnbp.train.recordings import Recording, joined, several_recordings_of
from rnnbp.train.rows import Data, Rows, part
from rnnbp.train.several_given import Several, Static
from rnnbp.train.several_rows import SeveralRows, inputs_of
from rnnbp.train.source import Batch, check_place, first_epoch
from rnnbp.train.window_resets import either, resets_of
from rnnbp.wording.arguments import Named

T = TypeVar("T")


@final
class Windows(Named, ByRows):
    """One long stream in windows of consecutive steps, which carry the state from one to the next.

    The stream is cut into ``batch_size`` lanes of S // batch_size steps, side by side in a batch,
    so that lane b continues from one window to the next. The last window of an epoch may be shorter
    than ``horizon``. The last S mod batch_size steps of the stream are not used.

    A list of recordings is cut one after the other, each into lanes of its own. Every lane of every
    recording starts from the model's initial state, from which ``warm_up`` steps lead away. A list
    counts as recordings if its items are arrays of two or more axes, or differ in length; any other
    list is one stream, as an array is.

    Args:
        x: (S, ...), integers or floats; may be memory-mapped, or an array of h5py, zarr or a
            similar library that reads slices from a file: only the steps of a window are read. Or a
            list of recordings (S_k, ...). Or a dict of several inputs by name, or with ``static`` a
            tuple of them in order, each a stream or a list of recordings.
        target: (S, ...), or None; for recordings a list of equal length.
        horizon: steps in a window, which is how far gradients flow.
        batch_size: number of lanes.
        mask: (S,), bool or weights ≥ 0 of the steps in the loss, or as the target, of single
            elements; for recordings a list of equal length. A window without weight carries the
            state, and changes no parameter.
        recordings: True if a list is one of recordings; None for the rule above.
        join: True to put recordings one after the other, and cut all of them into lanes together:
            where one begins within a window, the ``reset`` of the batch returns its row to the
            model's initial state. For many recordings shorter than a window, or than the lanes.
        warm_up: the first steps of each lane of each recording, which have weight 0 in the loss,
            whatever the mask. With a batch_size above 1 a mask of the first steps of x reaches the
            first lane alone.
        reset: (S,) bool, True at the steps that are entered with the model's initial state, as the
            first of an episode; for recordings a list of equal length. Or None.
        static: of several inputs the names, or the numbers, of those that have one value (...) for
            the stream, or (K, ...), one for each of K recordings, in all of its windows.

    Raises ShapeError if x, target and mask differ in length, or x has a batch axis; ValueError if a
    lane would be empty, if warm_up leaves nothing, or if a list of vectors is ambiguous.

    >>> import numpy as np, rnnbp as rb
    >>> takes = [np.zeros((70, 1)), np.zeros((50, 1))]
    >>> data = rb.Windows(takes, takes, horizon=20, batch_size=2)
    >>> [(batch.x.shape, batch.fresh) for batch in data]
    [((20, 2, 1), True), ((15, 2, 1), False), ((20, 2, 1), True), ((5, 2, 1), False)]
    >>> data = rb.Windows(takes, takes, horizon=20, batch_size=2, warm_up=25)
    >>> [None if batch.mask is None else int(batch.mask.sum()) for batch in data]
    [0, 20, 0, 0]
    """

    def __init__(
        self,
        x: Data | Several,
        target: Data | None,
        *,
        horizon: int,
        batch_size: int,
        mask: Data | None = None,
        recordings: bool | None = None,
        warm_up: int = 0,
        static: Static = None,
        join: bool = False,
        reset: Data | None = None,
    ) -> None:
        self.horizon = positive_int("Windows: horizon", horizon)
        self.batch_size = positive_int("Windows: batch_size", batch_size)
        self.warm_up = whole_number("Windows: warm_up", warm_up, least=0)
        given = x, static, target, mask, recordings, self.horizon
        self.listed, self.recordings = several_recordings_of("Windows", *given)
        self.join, self.streams = flag("Windows: join", join), self.recordings
        lengths = [len(one.x) for one in self.recordings]
        self.resets = resets_of("Windows", reset, lengths, listed=self.listed)
        if self.join:
            self._put_in_a_row()
        self._check_lanes()
        self.x = self._of_all([one.x for one in self.recordings])
        self.target = self._of_all([one.target for one in self.recordings])
        self.mask = self._of_all([one.mask for one in self.recordings])
        counts = [math.ceil(self._lane(found) / self.horizon) for found in self.streams]
        self._ends = [*accumulate(counts)]

    _lanes: JoinedLanes | None = None

    def _put_in_a_row(self) -> None:
        """Make one stream of all recordings. Raises ValueError where there is one already."""
        if not self.listed:
            raise ValueError(
                "Windows: join=True puts the recordings of a list in a row, and x is one stream; "
                "leave join out, or say recordings=True if it is a list of these"
            )
        self.resets = (np.concatenate(self.resets),) if self.resets else ()
        self.streams = (joined("Windows", self.recordings),)
        starts = [*accumulate((len(one.x) for one in self.recordings), initial=0)]
        self._lanes = JoinedLanes(starts, self._lane(self.streams[0]), self.batch_size)

    def _check_lanes(self) -> None:
        """Raise ValueError for lanes that are empty, or all warm-up."""
        for k, found in enumerate(self.streams):
            self._check_long_enough(k, found)
        longest = max(map(self._lane, self.streams))
        longest = longest if self._lanes is None else self._lanes.longest()
        if self.warm_up >= longest:
            raise ValueError(
                f"Windows: warm_up of {self.warm_up} steps leaves nothing of lanes of {longest}; "
                f"give a smaller one, or a smaller batch_size"
            )

    def _of_all(self, series: list[T]) -> T | tuple[T, ...]:
        """The series of the recordings as a tuple, or that of the one stream."""
        return tuple(series) if self.listed else series[0]

    def _check_long_enough(self, k: int, found: Recording) -> None:
        steps, lanes = len(found.x), self.batch_size
        if steps >= lanes:
            return
        if self.join:
            text = f"recordings of {steps} steps in all are too short for {lanes} lanes; give more"
        elif self.listed:
            text = f"recording {k} has {steps} steps, too short for {lanes} lanes; leave it out, or"
            text += " say join=True to put recordings one after the other"
        else:
            text = f"a stream of {steps} steps is too short for {lanes} lanes; give more data"
            text += ", recordings=True if it is a list of these" * (len(found.x.shape) > 1)
        raise ValueError(f"Windows: {text}, or a smaller batch_size")

    @classmethod
    def next_symbol(cls, symbols: Data, *, horizon: int, batch_size: int, warm_up: int = 0) -> Self:
        """Windows over a text: x is symbols[:-1], and the target of each symbol is the next one.

        Args:
            symbols: (S,), integers; or a list of texts, which is one of recordings: no text
                continues the one before.
            horizon, batch_size, warm_up: as above.

        >>> import numpy as np, rnnbp as rb
        >>> text = np.frombuffer(b"abcdefg", np.uint8)
        >>> x, target = rb.Windows.next_symbol(text, horizon=3, batch_size=1).batch(0, 0)
        >>> bytes(x), bytes(target)
        (b'abc', b'bcd')
        """
        cut = partial(cls, horizon=horizon, batch_size=batch_size, warm_up=warm_up)
        if are_texts(symbols):
            texts = [text_of(f"symbols[{k}]", text) for k, text in enumerate(symbols)]
            x, target = ([part(t, s, len(t) - 1 + s) for t in texts] for s in (0, 1))
            # parts of files are rows already
            return cut(x, target, recordings=True)  # type: ignore[arg-type]
        text = text_of("symbols", symbols)
        return cut(part(text, 0, len(text) - 1), part(text, 1, len(text)))

    @reprs.safe
    def __repr__(self) -> str:
        steps = sum(len(found.x) for found in self.recordings)
        of = f"a stream of {steps:,} steps"
        if self.listed:
            of = f"{reprs.counted(len(self.recordings), 'recording')} of {steps:,} steps in all"
        of += ", joined" * self.join
        lanes = reprs.counted(self.batch_size, "lane")
        windows = reprs.counted(self.batches_per_epoch, "window")
        what = f"{of}, {windows} of {self.horizon:,} steps in {lanes}"
        arrays = {"target": self.target, "mask": self.mask}
        x = self.x if isinstance(self.x, tuple) else inputs_of(self.x)
        texts = {"x": reprs.array_text(x)} if self.listed else reprs.input_texts(x)
        texts |= {name: reprs.array_text(array) for name, array in arrays.items()}
        warm = f"{reprs.counted(self.warm_up, 'step')} of each lane" if self.warm_up else ""
        return reprs.titled(self, what, **texts, warm_up=warm)

    @property
    def batches_per_epoch(self) -> int:
        return self._ends[-1]

    @cached_property
    def fingerprint(self) -> str:
        arrays = [array for found in self.recordings for array in found.arrays()]
        how: list[object] = [
            self.horizon,
            self.batch_size,
            *([len(self.recordings)] if self.listed else []),
        ]
        arrays += self.resets
        how += [("warm_up", self.warm_up)] * bool(self.warm_up) + ["joined"] * self.join
        how += ["reset"] * bool(self.resets)
        x = self.recordings[0].x
        how += x.how if isinstance(x, SeveralRows) else ()
        return digest(tuple(how), *arrays)

    def batch(self, epoch: int, index: int) -> Batch:
        """Window ``index``, the same in every epoch."""
        return self.part(epoch, index, np.arange(self.batch_size))

    def rows_of(self, epoch: int, index: int) -> RowsOf:
        return RowsOf(self.batch_size, None)

    def part(self, epoch: int, index: int, rows: Array) -> Batch:
        """Some lanes of window ``index``, by their numbers (n,): those alone are read."""
        check_place(type(self).__name__, self.batches_per_epoch, epoch, index)
        which, steps = self._span(index)
        found = self.streams[which]
        check_there(*found.arrays())
        target, mask = (
            None if a is None else self._window(a, steps, rows) for a in (found.target, found.mask)
        )
        if self.warm_up and (cold := self._since(steps)[:, rows] < self.warm_up).any():
            mask = np.ones(cold.shape, np.bool_) if mask is None else mask
            mask[cold] = 0
        reset = None if self._lanes is None else self._lanes.flags(steps)
        reset = None if reset is None else reset[:, rows]
        if self.resets:
            reset = either(reset, self._window(self.resets[which], steps, rows))
        return Batch(self._x(found.x, steps, rows), target, mask, steps.start == 0, reset=reset)

    def _since(self, steps: slice) -> Array:
        """(L, B) the steps since the recording, or the lane, began."""
        if self._lanes is not None:
            return self._lanes.since(steps)
        at = np.arange(steps.start, steps.stop)[:, None]
        return np.broadcast_to(at, (len(at), self.batch_size))

    def _x(self, x: Rows | SeveralRows, steps: slice, lanes: Array) -> InputsOf:
        """The inputs of a window: a static one is the same in all lanes."""
        if isinstance(x, SeveralRows):
            return x.of(
                lambda a: self._window(a, steps, lanes),
                lambda a: np.repeat(a[:1], len(lanes), axis=0),
            )
        return self._window(x, steps, lanes)

    def origin(self, epoch: int, index: int, step: int, row: int, array: str = "") -> str:
        """Where a step of a row of batch ``index`` comes from, in words."""
        which, steps = self._span(index)
        at = self._lane(self.streams[which]) * row + steps.start + step
        of = f"recording {which}" if self.listed else "the stream"
        if self._lanes is not None:
            which = bisect_right(self._lanes.starts, at) - 1
            at, of = at - self._lanes.starts[which], f"recording {which}"
        return f"step {step} of row {row} of the batch is step {at:,} of {of}"

    def _span(self, index: int) -> tuple[int, slice]:
        """(the number of a recording, the steps of its lanes) of window ``index``."""
        which = bisect_right(self._ends, index)
        start = (index - [0, *self._ends][which]) * self.horizon
        return which, slice(start, min(start + self.horizon, self._lane(self.streams[which])))

    def begins(self, steps: int) -> list[int]:
        """Where the recordings after the first begin among the ``steps`` of joined ones."""
        starts = [] if self._lanes is None else self._lanes.starts[1:-1]
        return [start for start in starts if start < steps]

    def __iter__(self) -> Iterator[Batch]:
        """The windows of one epoch."""
        return first_epoch(self)

    def _lane(self, found: Recording) -> int:
        """Steps of a lane of a recording."""
        return len(found.x) // self.batch_size

    def _window(self, stream: Rows, steps: slice, lanes: Array) -> Array:
        firsts = len(stream) // self.batch_size * lanes
        if isinstance(stream, FileRows):
            each = ((first + steps.start, first + steps.stop) for first in firsts.tolist())
            return np.stack([stream[start:stop] for start, stop in each], axis=1)
        found: Array = stream[np.arange(steps.start, steps.stop)[:, None] + firsts]
        return found
