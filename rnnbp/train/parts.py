"""What a run changes in place: parameters, optimiser and learning rate."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.numerics import Array, Shape
from rnnbp.optim import OnPlateau, Optimizer
from rnnbp.storage import JSON
from rnnbp.support.pickled import Slotted, all_once


@dataclass(slots=True)
class Parts(Slotted):
    """What a run changes in place.

    ``plateau`` is its learning rate if that follows validation. ``state_shapes`` are, for each
    Recurrent of the model, those of its states without the batch axis.
    """

    params: dict[str, Array]
    optimizer: Optimizer
    plateau: OnPlateau | None
    state_shapes: tuple[tuple[Shape, ...], ...]

    @classmethod
    def of(cls, model: Graph, optimizer: Optimizer, plateau: OnPlateau | None) -> Parts:
        """Those of a model."""
        shapes = tuple(tuple(block.cell.state_shapes) for block in recurrent_blocks(model))
        params = dict(model.params)  # a dict: its copies keep the arrays shared
        return cls(params, optimizer, plateau, shapes)

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        slots = {part.name: getattr(self, part.name) for part in fields(self)}
        return None, slots | {"params": all_once(self.params)}  # which are the model's

    def rates(self) -> dict[str, JSON]:
        """The learning rates that are not a function of the step."""
        rate = self.optimizer.learning_rate
        own = rate if isinstance(rate, float) else None
        return {
            "lr": own,
            "plateau": None if self.plateau is None else {**self.plateau.state_dict()},
        }
