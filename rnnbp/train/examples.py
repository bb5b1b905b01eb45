"""A source of examples without time, in shuffled batches."""

from __future__ import annotations

from typing import final

from rnnbp.checks.mapped import check_there
from rnnbp.inputs.given import InputsOf
from rnnbp.numerics import Array
from rnnbp.support import reprs
from rnnbp.support.lazy import cached_property
from rnnbp.train.digests import digest
from rnnbp.train.rows import Data, Rows, rows, same_length
from rnnbp.train.several_given import Several, Static, are_several, refuse_static, several_rows
from rnnbp.train.several_rows import SeveralRows, arrays_of, inputs_of
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch


@final
class Examples(Shuffled):
    """N examples for a feedforward network, in batches of sequences of one step: x (1, B, ...).

    Args:
        x: (N, ...), or several inputs as of ``Sequences``.
        target: (N, ...), or None.
        batch_size: examples in a batch; the last batch of an epoch may be smaller.
        shuffle: True for a new order in each epoch, drawn from (seed, epoch).
        seed: of the order.
        static: as of ``Sequences``.

    Raises ShapeError if x and target differ in length, ValueError if N is 0.

    >>> import numpy as np, rnnbp as rb
    >>> data = rb.Examples(np.zeros((10, 3)), np.zeros(10, int), batch_size=4)
    >>> [batch.x.shape for batch in data]
    [(1, 4, 3), (1, 4, 3), (1, 2, 3)]
    """

    def __init__(
        self,
        x: Data | Several,
        target: Data | None,
        *,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        static: Static = None,
    ) -> None:
        self.x: Rows | SeveralRows
        if are_several(x, static):
            self.x = several_rows("Examples", x, static, _example_rows, 1)
            _, self.target = same_length("Examples", self.x.parts[self.x.first], target)
        else:
            refuse_static("Examples", static)
            self.x, self.target = same_length("Examples", x, target)
        self.rows = len(self.x)
        super().__init__(batch_size, shuffle, seed)

    @reprs.safe
    def __repr__(self) -> str:
        what = reprs.counted(self.rows, "example")
        return self._repr(what, inputs_of(self.x), target=self.target)

    @cached_property
    def fingerprint(self) -> str:
        how = (self.batch_size, self.shuffle, self.seed)
        several = self.x.how if isinstance(self.x, SeveralRows) else ()
        return digest((*how, *several), *arrays_of(self.x), self.target)

    def _of(self, chosen: Array | slice) -> Batch:
        """A batch of some examples."""
        check_there(*arrays_of(self.x), self.target)
        if isinstance(self.x, SeveralRows):
            x: InputsOf = self.x.of(lambda a: a[chosen][None], lambda a: a[chosen])
        else:
            x = self.x[chosen][None]
        return Batch(
            x,
            None if self.target is None else self.target[chosen][None],
            None,
            fresh=True,
        )

    def origin(self, epoch: int, index: int, step: int, row: int, array: str = "") -> str:
        """Where a row of batch ``index`` comes from, in words; of one of the arrays the element."""
        n = self._row(epoch, index, row)
        text = f"row {row} of the batch is example {n:,}"
        return f"{text}: see {array}[{n}]" if array else text


def _example_rows(label: str, given: object) -> Rows:
    """An input of examples that is not static."""
    return rows(f"Examples: {label}", given, numbers=True)
