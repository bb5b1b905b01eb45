"""The layers of Keras of a chain of pieces, each built, with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import ModuleType

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.over_time import Last, MaxOverTime, MeanOverTime
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.interchange.keras_models.activations import APPROXIMATE
from rnnbp.interchange.keras_models.chain_names import Names, with_ends
from rnnbp.interchange.keras_models.ends import Ends
from rnnbp.interchange.keras_models.layers_written import keras_layer
from rnnbp.interchange.keras_models.library import KerasLayer
from rnnbp.interchange.keras_models.pieces import Activated, Named, Piece, refused
from rnnbp.interchange.keras_models.recurrent_written import keras_bidirectional, keras_recurrent
from rnnbp.interchange.keras_models.spatial_written import SPATIAL, SWAP, spatial_layers
from rnnbp.interchange.keras_models.walk import pieces_of
from rnnbp.layers import Dense, Embedding, LayerNorm

VECTORS = (Dense, Embedding, LayerNorm, Recurrent, Bidirectional, Ends, OverTime)
"""Pieces whose outputs have one feature axis."""
POOLED = {MeanOverTime: "GlobalAveragePooling1D", MaxOverTime: "GlobalMaxPooling1D"}


class Writer:
    """Writes the layers of one model.

    Attributes:
        static: True for what has no time axis, as after the end of a series.
        axes: the feature axes of the value so far; None where they are not known.
    """

    def __init__(self, keras: ModuleType, dtype: str, *, static: bool) -> None:
        self.keras, self.dtype, self.static = keras, dtype, static
        self.axes: int | None = None

    def sequential(
        self, pieces: Sequence[Named], name: str | None, inputs: Sequence[KerasLayer] = ()
    ) -> KerasLayer:
        """A Sequential of Keras that begins with ``inputs``."""
        names = Names(pieces)
        layers, swapped = [*inputs], False
        for piece, called, sequences in with_ends(pieces):
            for made in self._layers(piece, names.of(piece, called), sequences=sequences):
                if made is SWAP:
                    swapped = not swapped
                    continue
                layers += [self._swap(names)] if swapped else []
                layers.append(made)
                swapped = False
        layers += [self._swap(names)] if swapped else []
        return self.keras.Sequential(layers, name=name)

    def _layers(self, piece: Piece, name: str, *, sequences: bool) -> list[KerasLayer]:
        self.axes = 1 if isinstance(piece, VECTORS) else self.axes
        if isinstance(piece, Sequential):
            return [self.sequential(pieces_of(piece), name)]
        if isinstance(piece, Recurrent | Bidirectional | Ends):
            return [self._recurrent(piece, name, sequences=sequences)]
        common = {"name": name, "dtype": self.dtype}
        if isinstance(piece, OverTime):
            return [self._over_time(piece, common)]
        if isinstance(piece, Activated):
            return [self.keras.layers.Activation(self._function(piece.name), **common)]
        if isinstance(piece, SPATIAL):
            own = common if self.static else {"dtype": self.dtype}
            made, self.axes = spatial_layers(self.keras, piece, own, self.axes)
            return [each if each is SWAP else self._each_step(each, name) for each in made]
        return [keras_layer(self.keras, piece, common, static=self.static)]

    def _recurrent(
        self, piece: Recurrent | Bidirectional | Ends, name: str, *, sequences: bool
    ) -> KerasLayer:
        block = piece.block if isinstance(piece, Ends) else piece
        ends = isinstance(piece, Ends) or not sequences
        self.static |= ends
        if isinstance(block, Bidirectional):
            if ends and not isinstance(piece, Ends):
                raise refused(
                    "Last()",
                    f"of {block} it takes one step of the reverse direction, and Keras takes the "
                    "final states",
                    "join those, see help(rnnbp.Bidirectional)",
                )
            return keras_bidirectional(self.keras, block, name, sequences=not ends)
        if block.reverse and not ends:
            raise refused(
                block,
                "its outputs have the order of x, and with go_backwards of Keras they are reversed",
                "take its final state, or use a Bidirectional",
            )
        return keras_recurrent(self.keras, block, name, sequences=not ends, backwards=block.reverse)

    def _over_time(self, piece: OverTime, common: dict[str, str]) -> KerasLayer:
        self.static = True
        if type(piece) not in POOLED:
            cure = "let it follow a recurrent layer directly" if isinstance(piece, Last) else ""
            why = "Keras has it as return_sequences=False of a recurrent layer alone"
            raise refused(piece, why, cure) if cure else refused(piece, "Keras has no such layer")
        return getattr(self.keras.layers, POOLED[type(piece)])(**common)

    def _function(self, name: str) -> object:
        gelu = self.keras.activations.gelu
        return partial(gelu, approximate=True) if name == APPROXIMATE else name

    def _each_step(self, layer: KerasLayer, name: str) -> KerasLayer:
        """A layer as it acts on the features of each step."""
        return layer if self.static else self.keras.layers.TimeDistributed(layer, name=name)

    def _swap(self, names: Names) -> KerasLayer:
        own = {"name": names.free("permute")} if self.static else {}
        return self._each_step(self.keras.layers.Permute((2, 1), **own), names.free("permute"))
