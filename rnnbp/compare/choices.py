"""For each kind of schedule, the parameters and the chunk length that are fastest within
a budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from rnnbp.actions import Action
from rnnbp.bptt import BudgetError, Costs, Forecast, plan
from rnnbp.compensated import parted
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.problem import as_model
from rnnbp.numerics import Shape
from rnnbp.planning import tables
from rnnbp.planning.budget import with_margin
from rnnbp.planning.forecast import foretell
from rnnbp.planning.objects import always
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.schedules import HSM, ISM, MSM, All, EveryK, Online, Optimal, Revolve, Sqrt, ThinTapes
from rnnbp.support.reprs import counted, cut, safe

Key: TypeAlias = tuple[int, tuple[Action, ...]]

TABLES = 20_000
"""Chunks times units up to which the schedules of mixed memory are worked out:
milliseconds each.
"""
MOST = 4096
"""Chunks of a sequence, unless their length is given: each costs some microseconds to work out."""


@dataclass(frozen=True)
class Choice:
    """A schedule as it is run: its actions, worked out, over chunks of ``chunk`` steps, and what
    they will take.
    """

    name: str
    parameters: str
    actions: tuple[Action, ...]
    chunk: int
    forecast: Forecast

    @safe
    def __repr__(self) -> str:
        name = f"{self.name} {self.parameters}".strip()
        return cut(f"{type(self).__name__}: {name}, {counted(len(self.actions), 'action')}, chunks of {self.chunk:,}")

    @property
    def key(self) -> Key:
        """Equal for choices that are the same run, whatever their names."""
        return self.chunk, self.actions


@dataclass(frozen=True)
class _Option:
    """A schedule with the most that it holds at once, and the chunks that it runs forward."""

    parameters: str
    schedule: Iterable[Action]
    runs: int
    slots: int = 0
    tapes: int = 1
    thin: int = 0
    rebuilt: int = 0


@dataclass(frozen=True)
class _Room:
    """What fits in a budget next to gradients, states and workspaces, for a number of chunks."""

    chunks: int
    slots: int
    """Slots next to one tape."""
    tapes: int
    """Tapes next to one slot."""
    alpha: int
    """Slots in the bytes of a tape."""


def _all(room: _Room) -> Iterator[_Option]:
    yield _Option("", All(room.chunks), room.chunks, tapes=room.chunks)


def _spacings(chunks: int) -> list[int]:
    """For each number of segments from 2 on, the fewest chunks between checkpoints: others cost
    more for nothing.
    """
    return sorted({math.ceil(chunks / segments) for segments in range(2, chunks + 1)})


def _every(room: _Room) -> Iterator[_Option]:
    for k in _spacings(room.chunks):
        schedule = EveryK(room.chunks, k)
        yield _Option(f"k={k}", schedule, schedule.steps, math.ceil(room.chunks / k) - 1, k)


def _sqrt(room: _Room) -> Iterator[_Option]:
    schedule = Sqrt(room.chunks)
    k = schedule.k
    yield _Option(f"k={k}", schedule, schedule.steps, math.ceil(room.chunks / k) - 1, k)


def _in_slots(make: Callable[[int, int], Any], room: _Room) -> Iterator[_Option]:
    slots = min(room.slots, room.chunks)
    if slots >= 1:
        schedule = make(room.chunks, slots)
        yield _Option(f"slots={slots}", schedule, schedule.steps, slots)


def _ism(room: _Room) -> Iterator[_Option]:
    tapes = min(room.tapes, room.chunks)
    if tapes >= 1:
        schedule = ISM(room.chunks, tapes)
        yield _Option(f"tapes={tapes}", schedule, schedule.steps, 1, tapes)


def _in_units(make: Callable[[int, int, int], Any], room: _Room) -> Iterator[_Option]:
    units = min(room.slots, room.chunks * (room.alpha + 1))
    if units >= 1 and room.chunks * units <= TABLES:
        schedule = make(room.chunks, units, room.alpha)
        yield _Option(f"units={units} alpha={room.alpha}", schedule, schedule.steps, units)


def _thin(room: _Room) -> Iterator[_Option]:
    n = room.chunks
    if n > 1:
        yield _Option("", ThinTapes(n), n, thin=n - 1, rebuilt=n - 1)
    for k in set(_spacings(n)) - {1}:
        schedule = ThinTapes(n, k)
        yield _Option(f"k={k}", schedule, schedule.steps, math.ceil(n / k) - 1, 1, k - 1, schedule.rebuilt)


OPTIONS: dict[str, Callable[[_Room], Iterator[_Option]]] = {
    "all": _all,
    "every-k": _every,
    "sqrt": _sqrt,
    "revolve": partial(_in_slots, Revolve),
    "hsm": partial(_in_slots, HSM),
    "ism": _ism,
    "msm": partial(_in_units, MSM),
    "optimal": partial(_in_units, Optimal),
    "thin": _thin,
    "online": partial(_in_slots, lambda chunks, slots: Online(slots)(chunks)),
}
SCHEDULES = (*OPTIONS, "plan")
"""The names of what is compared; the last is what ``plan`` chooses."""


class Chooser:
    """Chooses for one model, loss, T = ``steps`` and B = ``batch``; all schedules in chunks of
    ``chunk`` if given.
    """

    def __init__(
        self, model: Any, loss: LossLike, steps: int, batch: int, x_shape: Shape, costs: Costs, chunk: int | None
    ) -> None:
        self.sizes = sizes_of(as_model(model), x_shape, batch, loss)
        self.steps, self.costs, self.chunk = steps, costs, chunk
        self.slowest = math.inf
        """Seconds beyond which, by its costs, a schedule is not chosen."""
        self._known: dict[tuple[str, str, int], Choice] = {}
        self._plan = partial(plan, model, loss, steps=steps, batch=batch, x_shape=x_shape, costs=costs)

    def best(self, name: str, budget: int) -> Choice | None:
        """The fastest schedule of a kind, by forecast, that holds at most ``budget`` bytes; None
        without one.
        """
        if name == "plan":
            return self._planned(budget)
        found = [entry for length in self._lengths() for entry in self._within(name, length, budget)]
        for seconds, _, length, option in sorted(found, key=lambda entry: entry[:2]):
            if seconds > self.slowest:
                break
            key = name, option.parameters, length
            if key not in self._known:
                self._known[key] = self.choice(name, option.parameters, option.schedule, length)
            if self._known[key].forecast.peak_bytes <= budget:
                return self._known[key]
        return None

    def choice(self, name: str, parameters: str, schedule: Iterable[Action], chunk: int) -> Choice:
        """A schedule with its forecast."""
        actions = tuple(schedule)
        found = foretell(self.sizes, actions, self.steps, chunk, self.costs)
        return Choice(name, parameters, actions, chunk, found)

    def _planned(self, budget: int) -> Choice | None:
        """What ``plan`` chooses where its arrays have it all, as those of the others do."""
        objects = {always(self.sizes.objects, self.steps, length) for length in self._lengths()}
        plans = [self._within_arrays(budget, nbytes) for nbytes in sorted(objects)]
        found = [choice for choice in plans if choice is not None and choice.forecast.peak_bytes <= budget]
        return min(found, key=lambda choice: choice.forecast.seconds or 0.0, default=None)

    def _within_arrays(self, budget: int, objects: int) -> Choice | None:
        try:
            found = self._plan(budget=with_margin(budget + objects))
        except BudgetError:
            return None
        if found.chosen.seconds > self.slowest:
            return None
        return self.choice("plan", found.chosen.name, found.chosen.schedule, found.chunk)

    def _lengths(self) -> list[int]:
        """Lengths of chunks: powers of 2 up to 1024, not so short that there are many, and T if it
        is as short.
        """
        if self.chunk is not None:
            return [self.chunk]
        powers = [2**k for k in range(11) if 2**k < self.steps and (k == 10 or self.steps <= MOST * 2**k)]
        return [*powers, self.steps] if self.steps <= 1024 else powers

    def _within(self, name: str, length: int, budget: int) -> Iterator[tuple[float, int, int, _Option]]:
        """(seconds, bytes, chunk length, option) of those that may be within the budget.

        The bytes are a bound, too large by a tape and a slot at most: the last chunk may be short,
        and the last segment.
        """
        slot, tape = max(1, self.sizes.slot), max(1, self.sizes.tape(length))
        free, chunks = budget - self._always(length), math.ceil(self.steps / length)
        room = _Room(chunks, (free - tape) // slot, (free - slot) // tape, math.ceil(tape / slot))
        for option in OPTIONS[name](room):
            held = option.slots * slot + option.tapes * tape + option.thin * self.sizes.thin(length)
            if held <= free + tape + slot:
                yield self._seconds(option, length, chunks), held, length, option

    def _always(self, length: int) -> int:
        """Bytes that any schedule takes: gradients, states, the program, and the larger workspace
        of its actions.
        """
        sizes = self.sizes
        needs = (sizes.advance(length), sizes.record(length), sizes.backward(length))
        gradients = sizes.gradients(self.steps, parted=parted(math.ceil(self.steps / length), length))
        held = gradients + sizes.standing + sizes.program(length) + tables.of_all(sizes, self.steps, length)
        return held + max(sizes.all_outputs(self.steps) + max(needs), sizes.before(self.steps, length))

    def _seconds(self, option: _Option, length: int, chunks: int) -> float:
        counts = {
            "Advance": option.runs - chunks,
            "Keep": option.rebuilt,
            "Rebuild": option.rebuilt,
            "Record": chunks - option.rebuilt,
            "Backward": chunks,
        }
        missing = chunks * length - self.steps  # in the last chunk, which is recorded and goes backward once
        steps = {kind: n * length - (kind in ("Record", "Backward")) * missing for kind, n in counts.items()}
        return self.costs.seconds(counts, steps)
