"""The state of an optimiser: whole, or this process's part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rnnbp.numerics import Array
from rnnbp.optim.copies import Copied
from rnnbp.optim.partition import Partition
from rnnbp.optim.state import check_state
from rnnbp.parallel.exchange import Exchange
from rnnbp.support.ieee import ieee

SCRATCH = 2**16
"""Elements of the scratch of a partitioned optimiser at most; it works through parts in pieces."""


class Stateful(Copied):
    """An optimiser's steps and slots, as they are copied, loaded and partitioned."""

    kind: ClassVar[str]
    """The prefix of its names in ``state_dict``."""
    elementwise: ClassVar[bool] = False
    """True if the update of an element depends on no other element, as in all rules of
    ``rnnbp.optim``: so parts of a parameter can be updated in different processes. A rule of your
    own says so.
    """
    steps: int
    _partition: Partition | None = None

    def partition(self, parallel: Exchange) -> None:
        """Keep this process's part of the state alone; each process updates a part of parameters.

        The parameters are one vector, cut into a contiguous part for each process, at multiples of
        2¹⁴ elements within a parameter. From then on all processes call ``step`` together, with the
        same gradients; each updates its part, and gets the others' elements. The numbers are those
        of an optimiser that is whole. ``state_dict`` and ``load_state_dict`` are of the whole state
        still, and are called by all processes too.

        Args:
            parallel: the processes, ``rnnbp.parallel.MPI``, or ``Alone``, which changes nothing.

        Raises TypeError for anything else, ValueError for parameters that are not in C order, for
        an optimiser that is partitioned already, and for a rule that is not ``elementwise``.

        With 4 processes each holds a quarter of Adam's two slots, of parameters that it updates::

            optimizer = rb.optim.Adam(model, 1e-3)
            optimizer.partition(rb.parallel.MPI(shards=8))
            optimizer.step(grads)
        """
        place = type(self).__name__
        if self._partition is not None:
            raise ValueError(f"{place}.partition: it is partitioned already; build another")
        if not self.elementwise:
            raise ValueError(
                f"{place}.partition: its class does not say that an update is by element; put "
                "elementwise = True into it, unless an element's update depends on others, as by "
                "the norm of the parameter"
            )
        cut = Partition(place, self.params, parallel)
        self._slots = {
            name: {slot: cut.own_of(name, x).copy() for slot, x in slots.items()}
            for name, slots in self._slots.items()
        }
        views = [*cut.views(self.params).values()]
        sizes = {p.dtype: max(q.size for q in views if q.dtype == p.dtype) for p in views}
        self._scratch = {
            dtype: np.empty((2, min(size, SCRATCH)), dtype) for dtype, size in sizes.items()
        }
        self._partition = cut

    @property
    def cut(self) -> Partition | None:
        """Which part of the parameters this process updates; None for all."""
        return self._partition

    def state_dict(self) -> dict[str, Array]:
        """Copies of all state: ``step``, and ``<kind>.<slot>/<parameter>``."""
        return {key: x.copy() for key, x in self.live_state().items()}

    def live_state(self) -> dict[str, Array]:
        """The arrays that ``state_dict`` copies, to be read before the next step."""
        whole = self.slots if self._partition is None else self._gathered(self._partition)
        return {"step": np.array(self.steps, np.int64)} | whole

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Restore a state that ``state_dict`` returned, bit for bit, in place.

        Raises as ``check_state``, before anything changes.
        """
        self.check_state(state)
        self.steps = int(state["step"])
        for name, slots in self._slots.items():
            for slot, x in slots.items():
                given = state[self._key(slot, name)]
                x[...] = given if self._partition is None else self._partition.own_of(name, given)

    def check_state(self, state: Mapping[str, Array]) -> None:
        """Raise ValueError, ShapeError or DtypeError unless ``state`` can be loaded.

        It refuses the state of a different optimiser or model, one that is not finite, and one with
        negative squares.
        """
        check_state(f"{type(self).__name__}.load_state_dict", self.state_like(), state)

    def state_like(self) -> dict[str, Array]:
        """Arrays of the names, shapes and dtypes of ``live_state``, which take no memory."""
        step = np.array(self.steps, np.int64)
        return {"step": step} | {
            self._key(slot, name): np.broadcast_to(np.zeros((), x.dtype), self.params[name].shape)
            for name, slots in self._slots.items()
            for slot, x in slots.items()
        }

    @property
    def nbytes(self) -> int:
        """Bytes of its state and its scratch; of a partitioned one, those of this process."""
        return sum(x.nbytes for x in (*self.slots.values(), *self._scratch.values()))

    @property
    def whole_nbytes(self) -> int:
        """``nbytes`` as it is, or would be, without a partition."""
        largest = {p.dtype: p.nbytes for p in sorted(self.params.values(), key=lambda p: p.nbytes)}
        slots = (self.params[key.partition("/")[2]].nbytes for key in self.slots)
        return sum(slots) + 2 * sum(largest.values())

    @property
    def slots(self) -> dict[str, Array]:
        """The arrays of its state, live; of a partitioned one this process's elements, flat."""
        return {
            self._key(slot, name): x
            for name, slots in self._slots.items()
            for slot, x in slots.items()
        }

    @ieee
    def _gathered(self, partition: Partition) -> dict[str, Array]:
        """The whole state, from all processes."""
        found = {}
        for slot in dict.fromkeys(slot for slots in self._slots.values() for slot in slots):
            own = {name: slots[slot] for name, slots in self._slots.items() if slot in slots}
            for flat in partition.flats:
                vector = partition.whole(flat, own)
                for name, place in flat.places():
                    if name in own:
                        found[name, slot] = vector[place].reshape(self.params[name].shape)
        return {
            self._key(slot, name): found[name, slot]
            for name, slots in self._slots.items()
            for slot in slots
        }

    def _key(self, slot: str, name: str) -> str:
        return f"{self.kind}.{slot}/{name}"
