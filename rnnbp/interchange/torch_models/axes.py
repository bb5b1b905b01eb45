"""Feature axes behind a layer, which PyTorch counts together with those before them."""

from __future__ import annotations

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Item, Sequential
from rnnbp.layers import Conv1D, Conv2D, Dense, Embedding, Flatten, LayerNorm, Reshape


def axes_after(block: Item, axes: int | None) -> int | None:
    """How many feature axes the output of a block has; None if that is not known."""
    if isinstance(block, Sequential):
        for inner in block.blocks:
            axes = axes_after(inner, axes)
        return axes
    if isinstance(block, Recurrent | Bidirectional | Dense | Embedding):
        return 1
    if isinstance(block, Conv1D | Conv2D):
        return block.axes + 1
    if isinstance(block, LayerNorm):
        return len(block.shape)
    if isinstance(block, Reshape):
        return len(block.to_shape)
    if isinstance(block, Flatten) and axes is not None:
        return axes - block.n_axes + 1
    return axes


def is_timed(block: Item) -> bool:
    """True if a recurrent layer is in it, whose output has a time axis in PyTorch too."""
    if isinstance(block, Sequential):
        return any(map(is_timed, block.blocks))
    return isinstance(block, Recurrent | Bidirectional)
