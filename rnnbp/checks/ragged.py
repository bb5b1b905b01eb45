"""The cure for a list of sequences of several lengths: the line of code that pads them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

ARGUMENTS = ("x", "target", "mask")
"""What is padded by the same line, whoever takes it."""
PIECES = 3
"""Axes of the pieces of a stream, (t, B, features), which a list may have been meant for."""


def of_several_lengths(name: str, given: Collection[object]) -> str:
    """How to pad the items of ``given``, as code; "" unless they differ in their first axis alone.

    Args:
        name: of the argument, the last word of which is its own.
    """
    own = name.split()[-1]
    shapes = [_shape(item) for item in given]
    lengths = sorted({shape[0] for shape in shapes if shape})
    alike = len({shape[1:] for shape in shapes}) == 1 and () not in shapes
    if own not in ARGUMENTS or not alike or len(lengths) < 2:
        return ""
    width = ", ".join(["(0, T - len(a))", *["(0, 0)"] * (len(shapes[0]) - 1)])
    stream = f"; or iter({own}), if these are pieces of a stream" * (len(shapes[0]) >= PIECES)
    return (
        f"its items have {lengths[0]} to {lengths[-1]} steps; give Sequences x and target as such "
        f"lists, or pad them: lengths = [len(a) for a in {own}]; T = max(lengths); {own} = "
        f"np.stack([np.pad(a, [{width}]) for a in {own}]), then Sequences(x, target, "
        f"lengths=lengths, ...); time-first functions, as bptt, take {own}.swapaxes(0, 1) and "
        f"lengths=lengths{stream}"
    )


def of_one_length(name: str, given: Collection[object]) -> str:
    """How to join the items of an array of objects, as code; "" unless they have one shape."""
    shapes = {_shape(item) for item in given}
    return (
        f"join its items, np.stack([*{name.split()[-1]}])"
        if len(shapes) == 1 and () not in shapes
        else ""
    )


def _shape(item: object) -> tuple[int, ...]:
    """The shape of an item as an array of numbers; () for anything else."""
    try:
        found = np.asarray(item)
    except (ValueError, TypeError, RuntimeError):
        return ()
    return found.shape if found.dtype.kind in "biuf" else ()
