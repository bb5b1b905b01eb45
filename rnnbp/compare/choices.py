"""The fastest parameters and chunk length of each kind of schedule within a budget."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from rnnbp.actions import Action
from rnnbp.bptt import BudgetError, Costs, Forecast
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_model
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.shapes import ShapeLike, feature_shape
from rnnbp.planning.budget import with_margin
from rnnbp.planning.choice import choose
from rnnbp.planning.forecast import forecast_of
from rnnbp.planning.objects import always
from rnnbp.planning.plan import Plan
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.search import Candidate, Search
from rnnbp.runners.backend import Backend
from rnnbp.runners.rounding import SHORT
from rnnbp.schedules import ScheduleLike
from rnnbp.schedules.registry import KINDS
from rnnbp.support.lazy import cached_property
from rnnbp.support.reprs import counted, cut, safe

Why: TypeAlias = Literal["bytes", "seconds"]
"""What a schedule that is left out takes too much of."""
Key: TypeAlias = tuple[int, tuple[Action, ...], Backend | None]

TABLES = 20_000
"""Chunks times units up to which schedules of mixed memory are worked out: some ms each."""
MOST = 4096
"""Chunks of a sequence, unless their length is given: each costs some microseconds to work out."""
PLAN = "plan"
"""The name of what ``plan`` chooses."""
SHORT_PLAN = "plan-16"
"""The name of what it chooses with tapes of 16 bits, whose gradients are not exact."""


@final
@dataclass(frozen=True)
class Choice:
    """A schedule as it is run: its actions, its chunks, and what they are predicted to take.

    ``of_sweeps`` is what ``bptt`` takes for a network over time, whose ``actions`` are those of all
    sweeps, one after the other.
    """

    name: str
    parameters: str
    actions: tuple[Action, ...]
    chunk: int
    forecast: Forecast
    of_sweeps: ScheduleLike | Plan | None = None
    backend: Backend | None = None

    @property
    def checkpoint(self) -> ScheduleLike | Plan:
        """What ``bptt`` takes."""
        return self.actions if self.of_sweeps is None else self.of_sweeps

    @safe
    def __repr__(self) -> str:
        name = f"{self.name} {self.parameters}".strip()
        return cut(
            f"{type(self).__name__}: {name}, {counted(len(self.actions), 'action')}, chunks of "
            f"{self.chunk:,}"
        )

    @property
    def key(self) -> Key:
        """Equal for choices that are the same run, whatever their names."""
        return self.chunk, self.actions, self.backend


def compared() -> list[str]:
    """The names of what is compared: the kinds of schedules that need no disk, and the plan."""
    return [*(label for label, kind in KINDS.items() if not kind.needs_disk), PLAN]


SCHEDULES = tuple(compared())
"""The names of what is compared; the last is what ``plan`` chooses."""


@final
class Chooser:
    """Chooses for one model, loss, T and B; all schedules in chunks of ``chunk`` unless None."""

    def __init__(
        self,
        model: ModelLike,
        loss: LossLike,
        steps: int,
        batch: int,
        x_shape: ShapeLike,
        costs: Costs,
        chunk: int | None,
        *,
        dx: bool = True,
        backend: Backend | None = None,
    ) -> None:
        graph = as_model(model)
        shape = feature_shape("sweep", graph, x_shape)
        self._given = model, loss, steps, batch, x_shape, costs, chunk
        self.sizes = sizes_of(graph, shape, batch, loss, dx=dx, backend=backend)
        self.backend, self.dx = backend, dx
        self.steps, self.costs, self.chunk = steps, costs, chunk
        self._search = Search(self.sizes, steps, costs, arrays_only=True)
        self._known: dict[tuple[str, str, int], Choice] = {}

    def best(self, name: str, budget: int, slowest: float = math.inf) -> Choice | Why:
        """The fastest schedule of a kind, by forecast, that holds at most ``budget`` bytes.

        "bytes" without one, "seconds" where it takes more than ``slowest`` by its costs.
        """
        if name == PLAN:
            return self._planned(budget, slowest)
        if name == SHORT_PLAN:
            return self._short._planned(budget, slowest)
        found = [
            candidate
            for length in self._lengths()
            for candidate in self._search.choices(KINDS[name], length, budget, tables=TABLES)
        ]
        for candidate in sorted(found, key=lambda candidate: (candidate.seconds, candidate.bytes)):
            if candidate.seconds > slowest:
                return "seconds"
            choice = self._choice_of(name, candidate)
            if choice.forecast.peak_bytes <= budget:
                return choice
        return "bytes"

    def choice(self, name: str, parameters: str, schedule: Iterable[Action], chunk: int) -> Choice:
        """A schedule with its forecast."""
        actions = tuple(schedule)
        found = forecast_of(self.sizes, actions, self.steps, chunk, self.costs)
        return Choice(name, parameters, actions, chunk, found, backend=self.backend)

    @cached_property
    def _short(self) -> Chooser:
        """What chooses with tapes of 16 bits."""
        return Chooser(*self._given, dx=self.dx, backend=Backend(tape_bits=SHORT))

    def _choice_of(self, name: str, candidate: Candidate) -> Choice:
        """A candidate with its forecast, which other budgets share."""
        schedule, length = candidate.schedule, candidate.chunk
        key = name, schedule.parameters, length
        if key not in self._known:
            self._known[key] = self.choice(name, schedule.parameters, schedule, length)
        return self._known[key]

    def _planned(self, budget: int, slowest: float) -> Choice | Why:
        """What ``plan`` chooses where its arrays have it all, as those of the others do."""
        objects = {always(self.sizes.objects, self.steps, length) for length in self._lengths()}
        plans = [self._within_arrays(budget, nbytes, slowest) for nbytes in sorted(objects)]
        found = [
            choice
            for choice in plans
            if isinstance(choice, Choice) and choice.forecast.peak_bytes <= budget
        ]
        if not found:
            return "seconds" if "seconds" in plans else "bytes"
        return min(found, key=lambda choice: choice.forecast.seconds or 0.0)

    def _within_arrays(self, budget: int, objects: int, slowest: float) -> Choice | Why:
        try:
            found = choose(self.sizes, self.steps, with_margin(budget + objects), self.costs)
        except BudgetError:
            return "bytes"
        if found.chosen.seconds > slowest:
            return "seconds"
        name = PLAN if self.backend is None else SHORT_PLAN
        return self.choice(name, found.chosen.name, found.chosen.schedule, found.chunk)

    def _lengths(self) -> list[int]:
        """Lengths of chunks: powers of 2 up to 1024 that make few enough chunks, and a short T."""
        if self.chunk is not None:
            return [self.chunk]
        powers = [
            2**k for k in range(11) if 2**k < self.steps and (k == 10 or self.steps <= MOST * 2**k)
        ]
        return [*powers, self.steps] if self.steps <= 1024 else powers
