"""The files of a run of several processes: the first one writes them, and all know of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import final

import numpy as np

from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.optim.collected import send_state
from rnnbp.parallel import Exchange
from rnnbp.parallel.agreement import check_all
from rnnbp.parallel.gathering import merged, of_each
from rnnbp.storage import JSON, PathLike
from rnnbp.train.caller import Caller
from rnnbp.train.folder import RunFolder
from rnnbp.train.parts import Parts
from rnnbp.train.shards import blocks
from rnnbp.train.standing import Standing


@final
class SharedFolder(RunFolder):
    """The folder of a run of several processes. What only the first one does, and fails in, is an
    error in all of them; ``add`` and ``save_model`` raise in the first alone.
    """

    def __init__(
        self, path: PathLike | None, parts: Parts, description: JSON, parallel: Exchange
    ) -> None:
        super().__init__(path, parts, description)
        self.parallel = parallel

    def claim(self, caller: Caller) -> None:
        self._by_first(lambda: super(SharedFolder, self).claim(caller))
        if self.path is not None:
            none = self.saved is None
            saved, none = of_each(np.array([self.saved or 0, none]), self.parallel)[0].tolist()
            self.owned, self.saved = True, None if none else saved

    def snapshot(self, at: Standing, extra: Mapping[str, JSON]) -> None:
        if self.path is None or self.saved == at.step:
            return
        whole = _whole(at, self.parallel)
        send = partial(send_state, self.parts.optimizer)
        self._by_first(lambda: super(SharedFolder, self).snapshot(whole, extra), send)
        self.saved, self._written = at.step, time.monotonic()

    def add(self, metrics: Mapping[str, JSON]) -> None:
        if self._is_first:
            super().add(metrics)

    def save_model(self, at: Standing) -> None:
        if self._is_first:
            super().save_model(at)

    def _clear(self) -> None:
        self._by_first(super()._clear)

    def _open_log(self, step: int) -> None:
        self._by_first(lambda: super(SharedFolder, self)._open_log(step))

    @property
    def _is_first(self) -> bool:
        return self.parallel.rank == 0

    def _by_first(
        self, action: Callable[[], None], others: Callable[[], None] = lambda: None
    ) -> None:
        """Do something in the first process, and in the others what it needs of them.

        Raises in all of them if it fails.
        """
        error: Exception | None = None
        try:
            (action if self._is_first else others)()
        except Exception as found:  # a full disk, another run, a fault
            error = found
        check_all(error, self.parallel)


def _whole(at: Standing, parallel: Exchange) -> Standing:
    """The place of a run with the states of all rows, of which each process has its own."""
    count = next((len(array) for arrays in at.state for array in arrays), 0)
    if not count or parallel.processes == 1:
        return at
    shards = blocks(count, parallel.shards)
    own = np.concatenate([shards[k] for k in parallel.own])

    def of_all(array: Array) -> Array:
        mine = np.zeros_like(array)
        mine[own] = array[own]
        return merged(mine, parallel)

    state: States = tuple([tuple([of_all(a) for a in arrays]) for arrays in at.state])
    flags = np.zeros(count, np.bool_)
    flags[[*at.lost]] = True
    return replace(at, state=state, lost=tuple(np.flatnonzero(of_all(flags)).tolist()))
