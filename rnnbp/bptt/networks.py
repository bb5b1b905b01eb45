"""The seam to what runs networks over time, which is above the engine of one sweep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from rnnbp.bptt.results import Gradients
from rnnbp.graph.axes import is_over_time
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import InputsLike, InputsOf, SeriesLike, StateLike
from rnnbp.inputs.shapes import ShapeLike
from rnnbp.inputs.states import States
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.plan import Plan
from rnnbp.runners.backend import BackendLike
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import PathLike
from rnnbp.summaries import Summary

LossesLike: TypeAlias = SeriesLike
"""A loss, or one for each output as a tuple or a dict, each with a weight or without."""
LengthsLike: TypeAlias = SeriesLike
"""Lengths (B,), or flags (T, B) of where rows begin anew: an array, or a dict of them by axis."""

ChunkLike: TypeAlias = int | dict[str, int] | None
"""Steps in a chunk; of a network over time also by axis."""


class Data(NamedTuple):
    """What a run computes the loss of; arguments as of ``bptt``."""

    x: InputsLike
    target: SeriesLike
    loss: LossesLike
    mask: SeriesLike


class Reading(NamedTuple):
    """How the sequences of a run are read; arguments as of ``bptt``."""

    state: StateLike = None
    chunk: ChunkLike = None
    lengths: LengthsLike = None
    reset: LengthsLike = None
    seed: int = 0
    training: bool = True
    backend: BackendLike = None
    horizon: int | None = None
    steps: int | None = None


class Keeping(NamedTuple):
    """What a run keeps, and what it shows; arguments as of ``bptt``."""

    checkpoint: ScheduleLike | Plan = "all"
    dx: bool | None = None
    return_y: bool = False
    folder: PathLike | None = None
    progress: bool | None = None
    dstate: StateLike = None


class Ahead(NamedTuple):
    """A run before there is any data; arguments as of ``plan``.

    caller: the function that they were passed to.
    """

    caller: str
    loss: LossesLike
    steps: object
    batch: object
    x_shape: ShapeLike
    lengths: LengthsLike = None
    reset: bool = False
    chunk: object = None
    dx: bool = True
    return_y: bool = False
    backend: BackendLike = None
    training: bool = True


class Allowed(NamedTuple):
    """What a plan may take: bytes in memory, of parts by name, and of files; seconds of actions."""

    budget: int
    parts: Mapping[str, int]
    disk: int = 0
    costs: Costs | None = None


class Networks(ABC):
    """Runs networks over time: those that are cut into sweeps."""

    @abstractmethod
    def gradients(self, graph: Graph, data: Data, reading: Reading, keeping: Keeping) -> Gradients:
        """``bptt``."""

    @abstractmethod
    def outputs(
        self, graph: Graph, x: InputsLike, reading: Reading, *, last: bool
    ) -> tuple[InputsOf, States]:
        """``predict``: (y, state)."""

    @abstractmethod
    def losses(
        self, graph: Graph, data: Data, reading: Reading
    ) -> tuple[float, States, dict[str | int, float]]:
        """``evaluate``: (loss, state, the loss of each output, by its name or number)."""

    @abstractmethod
    def plan(self, graph: Graph, ahead: Ahead, allowed: Allowed) -> Plan:
        """``plan``."""

    @abstractmethod
    def forecast(
        self, graph: Graph, ahead: Ahead, checkpoint: ScheduleLike | Plan, costs: Costs | None
    ) -> Forecast:
        """``forecast``."""

    @abstractmethod
    def with_costs(self, found: Summary, graph: Graph, ahead: Ahead) -> Summary:
        """A summary with the bytes that layers keep, and their operations."""


_installed: list[Networks] = []
"""The one that there is; a list, because it is put there by the package above."""


def install(found: Networks) -> None:
    """Let ``found`` run networks over time."""
    _installed[:] = [found]


def networks() -> Networks:
    """What runs networks over time."""
    return _installed[0]


_SEVERAL = (dict, tuple)
"""Types of losses of several outputs."""


def chunk_of_sweep(chunk: ChunkLike) -> int | None:
    """The chunk of a model of one sweep. Raises TypeError for chunks by axis."""
    if isinstance(chunk, dict):
        raise TypeError(
            f"chunk={chunk} is by time axis, for networks over time; this model has one axis: give "
            "a number of steps"
        )
    return chunk


def is_network(
    graph: Graph, loss: LossesLike, *, lengths: LengthsLike = None, reset: LengthsLike = None
) -> bool:
    """True if a run is one of a network over time, and not of one sweep; arguments as of ``bptt``.

    What networks alone need is built after this has said yes.
    """
    if lengths is not None or reset is not None or isinstance(loss, _SEVERAL):
        return True
    return is_over_time(graph)
