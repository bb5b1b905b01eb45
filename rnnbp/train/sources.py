"""The ``data`` argument of ``fit``, ``evaluate`` and ``predict``, as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from rnnbp.train.batches import Batches
from rnnbp.train.iterables import holds_arrays, is_function, iterable
from rnnbp.train.source import Batch, Source, check_source

SourceLike: TypeAlias = Source | Iterable[object] | Callable[..., Iterable[object]]
"""A source, or what becomes one: an iterable of batches, or a function of the epoch."""


def as_source(what: str, data: object) -> Source:
    """A source as it is; an iterable of batches, or a function of the epoch, wrapped in one.

    Raises TypeError for anything else, ValueError for one without batches.
    """
    if (
        not isinstance(data, (Source, type))
        and not holds_arrays(data)
        and (iterable(data) or is_function(data))
    ):
        if type(data).__module__.startswith("torch.utils.data"):
            cure = (
                "Batches(loader, batch_first=True); batch_first=False where collate_fn puts time "
                "first"
            )
            raise TypeError(
                f"{what} is a DataLoader, which puts the batch first as a rule; say so: {cure}"
            )
        data = Batches(data)
    return check_source(what, data)


def epoch_of(source: Source, epoch: int = 0, *, targets: bool = True) -> Iterator[Batch]:
    """The batches of an epoch, in order; without ``targets``, those of iterables have none."""
    if isinstance(source, Batches):
        return source.epoch(epoch, targets=targets)
    return (source.batch(epoch, index) for index in range(source.batches_per_epoch))


class Wrapped:
    """The source of the last ``data`` of ``fit``, so that the next call continues with it."""

    def __init__(self) -> None:
        self._given: object = None
        self._source: Source | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"_given": None, "_source": None}  # iterators cannot be copied

    def source(self, what: str, data: object, epoch: int) -> Source:
        """``data`` as a source; an iterator other than the last begins with ``epoch``."""
        if self._source is not None and self._given is data:
            return self._source
        found = as_source(what, data)
        if self._source is not None and isinstance(found, Batches):
            found.begin_at(epoch)
        self._given, self._source = data, found
        return found
