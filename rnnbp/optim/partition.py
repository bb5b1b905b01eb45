"""The part of an optimiser's parameters that one of several processes updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, final

import numpy as np

from rnnbp.numerics import Array, Shape, first_bad
from rnnbp.optim.flat import Flat, flats
from rnnbp.parallel.exchange import Exchange, check_exchange
from rnnbp.parallel.gathering import of_each
from rnnbp.parallel.packing import Packing
from rnnbp.parallel.portions import part_of, parts_in_order
from rnnbp.parallel.scattering import gather

Index: TypeAlias = tuple[int, ...]


@final
class Partition:
    """Which elements of parameters this process updates, and what it exchanges with the others.

    All processes call the same methods in the same order.

    Attributes:
        names: of the parameters, in order.
        packing: their shapes and dtypes.
        flats: the parameters as vectors, one for each dtype.
        part: the number of the part of this process.
        own: its elements of each flattened parameter, by name; only those that it has some of.
    """

    def __init__(self, place: str, params: Mapping[str, Array], parallel: Exchange) -> None:
        check_exchange(f"{place}.partition: parallel", parallel)
        for name, p in params.items():
            if not p.flags.c_contiguous:
                raise ValueError(
                    f"{place}.partition: parameter {name!r} is not in C order, so that no part of "
                    "it is contiguous; build the model with np.ascontiguousarray of it"
                )
        self.parallel, self.names = parallel, tuple(params)
        self.packing = Packing.of(place, params)
        self.flats = flats(params, parallel.processes)
        self.part = part_of(parallel.processes, parallel.rank)
        self.own = {k: s for flat in self.flats for k, s in flat.within(self.part).items()}

    def views(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The own elements of whole arrays, flat; views of those in C order."""
        return {name: arrays[name].reshape(-1)[own] for name, own in self.own.items()}

    def own_of(self, name: str, array: Array) -> Array:
        """The own elements of an array of one parameter, flat; maybe none."""
        return array.reshape(-1)[self.own.get(name, slice(0, 0))]

    def gather(self, params: Mapping[str, Array]) -> None:
        """Fill parameters with the elements that the other processes have updated."""
        for flat in self.flats if self.parallel.processes > 1 else ():
            vector = self.whole(flat, self.views({name: params[name] for name in self.own}))
            for name, place in flat.places():
                params[name].reshape(-1)[:] = vector[place]

    def whole(self, flat: Flat, own: Mapping[str, Array]) -> Array:
        """The vector whose own elements are passed by name, with those of all processes."""
        vector = np.zeros(flat.size, flat.dtype)
        for name, held in flat.within(self.part).items():
            if name in own:
                vector[flat.place(name)][held] = own[name]
        gather(vector, flat.cuts, self.parallel)
        return vector

    def collected(self, name: str, own: Array, shape: Shape) -> Array | None:
        """A whole array in process 0, of which each has the elements ``own``; None in others."""
        flat = next(flat for flat in self.flats if name in flat.names)
        rank, found = self.parallel.rank, None
        if rank:
            if own.size:
                self.parallel.send(0, np.ascontiguousarray(own))
            return None
        found = np.empty(shape, own.dtype)
        for part, sender in enumerate(parts_in_order(self.parallel.processes)):
            if (held := flat.within(part).get(name)) is None:
                continue
            view = found.reshape(-1)[held]
            if sender == 0:
                view[:] = own
            else:
                self.parallel.receive(sender, view)
        return found

    def all(self, held: bool) -> bool:
        """True if it holds in every process."""
        return bool(of_each(np.array([held]), self.parallel).all())

    def first(self, number: int) -> int:
        """The least number of any process."""
        return int(of_each(np.array([number]), self.parallel).min())

    def first_bad(self, name: str, grads: Mapping[str, Array], shape: Shape) -> tuple[Index, float]:
        """Where a gradient is not finite, and its value there, of which a process has elements."""
        row = np.array([np.inf, 0.0])
        if name in self.own and (bad := first_bad(grads[name])) is not None:
            row[:] = self.own[name].start + bad[0], grads[name][bad]
        rows = of_each(row, self.parallel)
        at, value = rows[rows[:, 0].argmin()].tolist()
        return tuple([int(k) for k in np.unravel_index(int(at), shape)]), value
