"""Reads the layers of a model of Keras, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType

from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.values import Input
from rnnbp.interchange.keras_models.chains import chain_of
from rnnbp.interchange.keras_models.ends import Ends, Part
from rnnbp.interchange.keras_models.layers_read import READERS, items_of
from rnnbp.interchange.keras_models.library import KerasLayer, refusal
from rnnbp.interchange.keras_models.recurrent_read import (
    RECURRENT,
    bidirectional_parts,
    recurrent_parts,
)
from rnnbp.interchange.keras_models.spatial_read import SPATIAL
from rnnbp.interchange.keras_models.static_read import (
    STATIC,
    check_static,
    spatial_items,
    without_pairs,
)
from rnnbp.interchange.keras_models.unknown import check_known
from rnnbp.layers import Identity

OVER_TIME = (*RECURRENT, "Bidirectional", "TimeDistributed")
"""Layers of Keras for which the second axis is time."""


class Reader:
    """Reads the layers of one model.

    Attributes:
        static: True where the second axis is no time axis: of what follows the end of a series, and
            of models without one.
    """

    def __init__(self, keras: ModuleType, *, static: bool) -> None:
        self.keras, self.static = keras, static
        self.known: dict[int, list[Part]] = {}

    def parts(self, layer: KerasLayer) -> list[Part]:
        """The parts of a layer; of one that is used twice the same ones."""
        if id(layer) not in self.known:
            self.known[id(layer)] = self._parts(layer)
        parts = self.known[id(layer)]
        self.static |= any(isinstance(part, Ends | OverTime) for part in parts)
        return parts

    def _parts(self, layer: KerasLayer) -> list[Part]:
        if isinstance(layer, self.keras.Model):
            inside = chain_of(self.keras, layer)
            return [assembled([p for each in inside for p in self.parts(each)], _name(layer))]
        return self._of_layer(layer, _name(layer))

    def _of_layer(self, layer: KerasLayer, name: str | None) -> list[Part]:
        kind = check_known(layer, (*OVER_TIME, *READERS, *SPATIAL))
        if kind in RECURRENT:
            return recurrent_parts(layer, name)
        if kind == "Bidirectional":
            return bidirectional_parts(layer, name)
        if kind == "TimeDistributed":
            return self._of_each_step(layer, name)
        if self.static and kind in STATIC:
            return [*spatial_items(layer, name)]
        if kind not in SPATIAL:
            if self.static:
                check_static(layer)
            return [*items_of(layer, name)]
        raise refusal(
            layer,
            "it acts over time, and here over the features of one step",
            "wrap it as keras.layers.TimeDistributed(layer), or apply it before the model",
        )

    def _of_each_step(self, layer: KerasLayer, name: str | None) -> list[Part]:
        """The layers of a TimeDistributed, which act on each step here anyway."""
        inner = layer.layer
        if type(inner).__name__ in OVER_TIME:
            raise refusal(
                layer,
                f"it holds {type(inner).__name__}, a series at each step, which is not there here",
                "apply that to series of its own, (B · T, steps, features)",
            )
        before, self.static = self.static, True
        try:
            if isinstance(inner, self.keras.Model):
                return self.parts(inner)
            return self._of_layer(inner, name)
        finally:
            self.static = before


def assembled(parts: Sequence[Part], name: str | None) -> Sequential | Graph:
    """A Sequential, or a Graph where final states are handed on."""
    kept = without_pairs(parts) or [Identity()]
    blocks = [part for part in kept if not isinstance(part, Ends)]
    if len(blocks) == len(kept):
        return Sequential(*blocks, name=name)
    x = value = Input()
    for part in kept:
        value = part(value)
    return Graph(x, value, name=name)


def flat(keras: ModuleType, model: KerasLayer) -> Iterator[KerasLayer]:
    """Every layer of a model and of those within it, and what is wrapped."""
    if isinstance(model, keras.Model):
        for layer in chain_of(keras, model):
            yield from flat(keras, layer)
        return
    yield model
    if type(model).__name__ == "TimeDistributed":
        yield from flat(keras, model.layer)


def _name(layer: KerasLayer) -> str | None:
    """The name here of a layer: its own, without the dots, which separate names here."""
    name = str(layer.name).replace(".", "_").strip()
    return None if not name or name.isdecimal() else name
