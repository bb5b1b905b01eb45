"""What a model of this library takes, as an Input of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.unrolled import layer_of
from rnnbp.interchange.keras_models.ends import Ends
from rnnbp.interchange.keras_models.library import KerasLayer
from rnnbp.interchange.keras_models.pieces import Named, Piece
from rnnbp.interchange.keras_models.spatial_written import SPATIAL
from rnnbp.interchange.keras_models.walk import pieces_of
from rnnbp.layers import Dense, Embedding, LayerNorm


def over_time(model: object) -> bool:
    """True for a model with a recurrent layer, or a function of a whole series."""
    if not isinstance(model, Graph):
        return isinstance(model, Recurrent | OverTime)
    return any(isinstance(layer_of(n.block), Recurrent | OverTime) for n in model.nodes)


def input_of(keras: ModuleType, pieces: Sequence[Named], dtype: str) -> list[KerasLayer]:
    """The Input of a series; none where the features are not known before there is an array."""
    for piece, _ in pieces:
        if isinstance(piece, Sequential):
            return input_of(keras, pieces_of(piece), dtype)
        if isinstance(piece, Embedding):
            return [keras.Input((None,), dtype="int32")]
        if isinstance(piece, SPATIAL):
            return []
        if (n := _features(piece)) is not None:
            return [keras.Input((None, n), dtype=dtype)]
    return []


def _features(piece: Piece) -> int | None:
    """The features that a piece takes; None for one that takes any."""
    block = piece.block if isinstance(piece, Ends) else piece
    match block:
        case Dense():
            return block.n_in[0]
        case LayerNorm():
            return block.shape[-1]
        case Bidirectional():
            return _features(block.forward)
        case Recurrent() if block.cell.made is not None:
            return block.cell.made.n_in
    return None
