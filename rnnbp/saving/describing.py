"""A model as JSON: a list of its parts, which refer to one another by number."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbp.graph.cell import Cell
from rnnbp.graph.cells.bidirectional import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.made import Made
from rnnbp.graph.network import Network
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.unrolled import Unrolled
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array
from rnnbp.saving import graphs
from rnnbp.saving.blocks import OVER_TIME, Part, count, most_nodes, params_of, parts_of
from rnnbp.saving.constants import Constants, encoded
from rnnbp.saving.own_layers import options_of
from rnnbp.saving.table import KINDS
from rnnbp.storage import JSON

CONTAINERS = (Sequential, Graph, Cell, Recurrent, Bidirectional, Unrolled, *OVER_TIME.values())


class Description:
    """What a file says of a model.

    Args:
        place: what errors begin with.
        model: the model.
        params: its parameters by path.

    Attributes:
        constants: the arrays that are options.
        parts: the parts, the model last.

    Raises ValueError for a part that cannot be built again, which it names.
    """

    def __init__(self, place: str, model: Layer | Network, params: Mapping[str, Array]) -> None:
        self.place, self.constants = place, Constants(params)
        self._paths = {id(array): path for path, array in params.items()}
        parts = parts_of(model)
        if (nodes := sum(map(count, parts))) > (most := most_nodes(len(parts))):
            raise ValueError(
                f"{place}: its graphs have {nodes} nodes, at most {most} of {len(parts)} parts can "
                "be saved; save the weights, by save_weights"
            )
        self._numbers = {id(part): k for k, part in enumerate(parts)}
        self._owners, self._classes = dict[int, int](), dict[str, type]()
        self.parts: list[JSON] = [self._part(k, part) for k, part in enumerate(parts)]

    def _part(self, k: int, part: Part) -> JSON:
        found = self._layer(part) if isinstance(part, Layer) else self._container(part)
        owner = params_of(part)
        if owner is None:
            return found
        first = self._owners.setdefault(id(owner), k)
        if first != k:
            return found | {"params_of": first}
        for key, array in owner.items():
            if id(array) not in self._paths:
                raise ValueError(
                    f"{self.place}: {part} has a parameter {key!r} that was not there when the "
                    "network was built; build the network anew"
                )
        return found | {"params": {key: self._paths[id(a)] for key, a in owner.items()}}

    def _layer(self, layer: Layer) -> dict[str, JSON]:
        name, place = type(layer).__name__, f"{self.place}: {layer}"
        if (kind := KINDS.get(type(layer))) is not None:
            return {"kind": name} | self._options(place, kind.options(layer))
        if self._classes.setdefault(name, type(layer)) is not type(layer):
            raise ValueError(
                f"{place} and a layer before it are of two classes of one name, {name}; call one "
                "of them otherwise"
            )
        return {"own": name} | self._options(place, options_of(place, layer))

    def _options(self, place: str, options: Mapping[str, object]) -> dict[str, JSON]:
        found: dict[str, JSON] = {
            name: encoded(f"{place}: {name}", value, self.constants)
            for name, value in options.items()
        }
        return {"options": found} if found else {}

    def _container(self, part: Part) -> dict[str, JSON]:
        kind = type(part)
        if kind not in CONTAINERS:
            base = next(each for each in kind.__mro__ if each in CONTAINERS)
            raise ValueError(
                f"{self.place}: {part} is of a class of your own, {kind.__name__}; save one of "
                f"{base.__name__} itself, of the same layers"
            )
        found: dict[str, JSON] = {"kind": kind.__name__}
        if isinstance(part, Network) and part.name:
            found["name"] = part.name
        if isinstance(part, Recurrent):
            return found | {"cell": self._of(part.cell), "reverse": part.reverse}
        if isinstance(part, Unrolled):
            found |= {"given": list(part.given), "gives_state": part.gives_state}
            return found | {"recurrent": self._of(part.recurrent)}
        if isinstance(part, Sequential):
            return found | {"blocks": [self._of(block) for block in part.blocks]}
        if isinstance(part, Bidirectional):
            found |= {"forward": self._of(part.forward), "backward": self._of(part.backward)}
            return found | {"merge": part.merge}
        if not isinstance(part, Graph):
            return found
        made = _made(part.made) if isinstance(part, Cell) and part.made else {}
        return found | graphs.described(part, self._numbers) | made

    def _of(self, part: Part) -> int:
        return self._numbers[id(part)]


def _made(made: Made) -> dict[str, JSON]:
    options: dict[str, JSON] = {**made.options}
    return {"made": {"kind": made.kind, "n_in": made.n_in, "n": made.n, "options": options}}
