"""A model of this library as pieces in a chain, each of which is a layer of Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network, slots_of
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.unrolled import layer_of
from rnnbp.interchange.keras_models.ends import Ends
from rnnbp.layers.base import Layer
from rnnbp.support.reprs import WIDTH, cut

ONNX = "export the model by rnnbp.interchange.to_onnx"


@dataclass(frozen=True)
class Activated:
    """An activation that is several layers here, by its name in Keras."""

    name: str


Piece: TypeAlias = Layer | Recurrent | Bidirectional | OverTime | Sequential | Ends | Activated


class Named(NamedTuple):
    """A piece, and what it is called."""

    piece: Piece
    name: str | None


def refused(what: object, why: str, cure: str = ONNX) -> ValueError:
    """The error of what Keras does not have."""
    name = getattr(what, "name", None)
    whose = cut(str(what)) + f" name={name!r}" * (len(str(what)) > WIDTH and bool(name))
    return ValueError(f"to_keras: {whose}: {why}; {cure}")


def shared(model: Network | Layer) -> str:
    """The path of a parameter that several nodes of a model share; "" where there is none."""
    if not isinstance(model, Graph):
        return ""
    seen = set[int]()
    for node in model.nodes:
        arrays = {id(owner[key]): key for owner, key in slots_of(layer_of(node.block)).values()}
        if twice := seen.intersection(arrays):
            found = twice.pop()
            return next((p for p, a in model.params.items() if id(a) == found), arrays[found])
        seen.update(arrays)
    return ""
