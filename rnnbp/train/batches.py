"""Iterables of batches as sources: lists, loaders, generators, functions of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from io import IOBase
from itertools import islice
from typing import final

from rnnbp.checks.functions import note_call
from rnnbp.numerics import flag, positive_int, shown
from rnnbp.support import reprs
from rnnbp.train.item_outputs import Outputs
from rnnbp.train.items import layout_of
from rnnbp.train.iterables import can_be_called, iterable, length_of, takes_epoch
from rnnbp.train.several_given import Static
from rnnbp.train.source import UNKNOWN, Batch, check_place
from rnnbp.wording.arguments import Named

END = object()


@final
class Batches(Named):
    """An iterable of batches as a source; ``fit``, ``evaluate`` and ``predict`` wrap one in it.

    Its items are (x, target), (x, target, mask) or a ``train.Batch``, of NumPy arrays or what can
    become one, as tensors of PyTorch in CPU memory: x (T, B, ...), target (T, B, ...), of a static
    output (B, ...), or None, mask (T, B), or instead of it (B,), integers for the lengths of
    sequences, floats for their weights. For ``predict`` items may be x alone, and targets are
    ignored. Of a model of several inputs x is a tuple or a dict: an item is ((x, s), target); of
    several outputs target and mask are likewise.

    Args:
        batches: a list or a loader, which is iterated anew in each epoch; a function of the epoch,
            from 0, that returns an iterator; or an iterator, as a generator, which serves one
            epoch.
        batch_first: True for x and target (B, T, ...) and mask (B, T), as loaders have them.
        last: True for one target for each sequence, (B, ...), at its last step of weight above 0.
        batches_per_epoch: where an epoch ends; by default at the end of the iterable. An iterator
            with it continues from epoch to epoch.
        carry: True for batches that continue, in an epoch, from the state of the one before.
        static: where x is a dict or tuple of several inputs and axes are turned, with
            ``batch_first`` or ``last``: the names, or the numbers, of those that are (B, ...).
            "target", or the name of an output, says so of a target where no model does.

    A resumed run skips the batches that it has seen. Raises TypeError unless ``batches`` is an
    iterable, and for items of a different kind.

    >>> import numpy as np, rnnbp as rb
    >>> loader = [(np.zeros((8, 5, 3)), np.zeros(8, int)), (np.zeros((4, 5, 3)), np.zeros(4, int))]
    >>> [batch.x.shape for batch in rb.Batches(loader, batch_first=True, last=True)]
    [(5, 8, 3), (5, 4, 3)]
    """

    label = "Batches"
    """What a resumed run compares, with some batches: a list may take a generator's place."""

    def __init__(
        self,
        batches: Iterable[object] | Callable[..., Iterable[object]],
        *,
        batch_first: bool = False,
        last: bool = False,
        batches_per_epoch: int | None = None,
        carry: bool = False,
        static: Static = None,
    ) -> None:
        if not iterable(batches) and not can_be_called(batches):
            raise TypeError(
                "Batches: expected an iterable of (x, target), or a function of the epoch that "
                f"returns one, found {shown(batches)}; wrap arrays in Sequences(x, y, ...), "
                "Windows or Examples"
            )
        self.given = batches
        self.layout = layout_of("Batches", batch_first, last, static)
        self.carry = flag("Batches: carry", carry)
        self.endless = batches_per_epoch is not None
        """True if an iterator continues from epoch to epoch."""
        if batches_per_epoch is not None:
            batches_per_epoch = positive_int("Batches: batches_per_epoch", batches_per_epoch)
        elif not can_be_called(batches) and (length := length_of(batches)) is not None:
            batches_per_epoch = positive_int("Batches: the number of batches", length)
        self.declared = batches_per_epoch
        self._items: Iterator[object] | None = None
        self._ahead: list[object] = []
        self._latest: tuple[int, int, object] | None = None
        self._first, self._epoch, self._index = 0, 0, 0

    def __getstate__(self) -> dict[str, object]:
        if isinstance(self.given, Generator | IOBase):
            raise TypeError(
                f"Batches: {shown(self.given)} cannot be copied or pickled, for its place cannot; "
                "give a list, or a function of the epoch that begins anew"
            )
        return vars(self) | {
            "_items": None,
            "_ahead": [],
            "_latest": None,
            "_epoch": 0,
            "_index": 0,
        }

    @reprs.safe
    def __repr__(self) -> str:
        count = "as many as come" if self.declared is None else f"{self.declared:,} in an epoch"
        ways = {
            "batch_first": self.layout.batch_first,
            "last": self.layout.last,
            "carry": self.carry,
        }
        options = [f"{name}=True" for name, on in ways.items() if on]
        return reprs.titled(self, ", ".join([count, *options]), batches=reprs.kind_text(self.given))

    @property
    def once(self) -> bool:
        """True if it can be iterated only once."""
        return hasattr(self.given, "__next__")

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch; ``UNKNOWN`` before the end of an epoch of unknown length."""
        if self.declared is not None:
            return self.declared
        if self._items is None or not self._index or self._peek() is not END:
            return UNKNOWN
        return self._index

    def batch(self, epoch: int, index: int, *, targets: bool = True) -> Batch:
        """Batch ``index`` of an epoch; earlier ones that have not been read are skipped.

        Args:
            epoch, index: its place, from 0.
            targets: False for a target None; items may then be x alone.
        """
        check_place(type(self).__name__, self.declared or UNKNOWN, epoch, index)
        if self.once and self._latest is not None and self._latest[:2] == (epoch, index):
            return self._made(self._latest[2], epoch, index, targets)  # again, after an error
        self._go_to(epoch, index)
        item = self._ahead.pop() if self._ahead else next(self._items or iter(()), END)
        if item is END:
            raise ValueError(self._ended(epoch, index))
        self._epoch, self._index = epoch, index + 1
        self._latest = (epoch, index, item) if self.once else None
        if index + 1 == self.declared and not self.once:
            self._items = None  # a loader's may have processes of its own
        return self._made(item, epoch, index, targets)

    def epoch(self, number: int = 0, *, targets: bool = True) -> Iterator[Batch]:
        """The batches of an epoch, whatever batch was read last; of an iterator, the next ones.

        Args:
            number: the epoch, from 0.
            targets: as in ``batch``.
        """
        if self.once:
            index = 0
            while index < self.batches_per_epoch:
                yield self.batch(number, index, targets=targets)
                index += 1
            return
        index = -1
        for index, item in enumerate(islice(self._begun(number), self.declared)):
            yield self._made(item, number, index, targets)
        if index < 0 or (self.declared is not None and index + 1 < self.declared):
            raise ValueError(self._ended(number, index + 1))

    def __iter__(self) -> Iterator[Batch]:
        """The batches of one epoch, the first."""
        return self.epoch()

    def serve(self, outputs: Outputs) -> None:
        """Take note of the outputs of the model that the next batches are for."""
        self.layout = replace(self.layout, outputs=outputs)

    def begin_at(self, epoch: int) -> None:
        """Declare that the first batch of an iterator belongs to this epoch."""
        if self._items is None:
            self._first = epoch

    def _made(self, item: object, epoch: int, index: int, targets: bool) -> Batch:
        try:
            return self.layout.batch(item, fresh=index == 0 or not self.carry, targets=targets)
        except (TypeError, ValueError) as error:
            error.add_note(f"in batch {index} of epoch {epoch}")
            raise

    def _begun(self, epoch: int) -> Iterator[object]:
        """An iterator over the items of an epoch."""
        given = self.given
        if isinstance(given, Iterable):
            return iter(given)
        takes = takes_epoch(given)
        try:
            found = given(epoch) if takes else given()
        except Exception as error:  # whatever the user's code raises
            returns = "an iterator of the batches of an epoch"
            note_call(error, "Batches", given, str(epoch) * takes, returns)
            raise
        if not iterable(found):
            raise TypeError(
                f"Batches: the function of the epoch returned {shown(found)}; return an iterator "
                "of batches"
            )
        return iter(found)

    def _go_to(self, epoch: int, index: int) -> None:
        """Make the batch the next one."""
        if self._items is not None and self.once:
            ahead = self._steps_to(epoch, index)
            if ahead < 0:
                raise ValueError(self._once(epoch, index))
            self._pass_over(ahead)
        elif self._items is not None and epoch == self._epoch and index >= self._index:
            self._pass_over(index - self._index)
        else:
            self._items, self._ahead = self._begun(epoch), []
            self._epoch, self._index = epoch, 0
            goes_on = self.once and self.endless
            past = max(0, epoch - self._first) * (self.declared or 0) if goes_on else 0
            self._pass_over(past + index)

    def _steps_to(self, epoch: int, index: int) -> int:
        """Items of an iterator to skip; below 0 if the batch has been read, or will not come."""
        if not self.endless:
            return index - self._index if epoch == self._epoch else -1
        return (epoch - self._epoch) * (self.declared or 0) + index - self._index

    def _pass_over(self, count: int) -> None:
        while count > 0 and self._ahead:
            self._ahead.pop()
            count -= 1
        for _ in islice(self._items or (), count):
            pass

    def _peek(self) -> object:
        """The next item, or END."""
        if not self._ahead:
            self._ahead.append(next(self._items or iter(()), END))
        return self._ahead[0]

    def _once(self, epoch: int, index: int) -> str:
        return (
            f"batch {index} of epoch {epoch} cannot come: {shown(self.given)} is an iterator, "
            "which comes once and serves one epoch; give a list, a function of the epoch that "
            f"returns an iterator, or Batches(..., batches_per_epoch=n) for one that goes on"
        )

    def _ended(self, epoch: int, index: int) -> str:
        used = "it has no batches"
        if self.once:
            used = "an iterator that has been used up; give a new one"
        if index:
            used = f"the epoch was to have {self.declared or 'more'}"
            used += "; give Batches(..., batches_per_epoch=n) with the number that there are"
        return f"{shown(self.given)} ended before batch {index} of epoch {epoch}: {used}"
