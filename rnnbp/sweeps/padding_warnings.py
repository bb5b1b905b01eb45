"""Warn of a mask where lengths are meant: it leaves steps out of the loss, and they are read."""

from __future__ import annotations

import warnings

import numpy as np

from rnnbp.bptt.networks import LengthsLike
from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.timed import Timed
from rnnbp.inputs.given import SeriesLike
from rnnbp.support.callers import outside


def warn_of_padding(graph: Graph, mask: SeriesLike, lengths: LengthsLike) -> None:
    """Warn of masks that are 0 from some step on, where lengths are not given.

    Forward, what is past an end is read after all that counts; in reverse before it, and a mean or
    an attention reads it as any other step.
    """
    if mask is None or lengths is not None:
        return
    reader = next((node.block for node in graph.nodes if _reads_on(node.block)), None)
    if reader is None:
        return
    each = mask.values() if isinstance(mask, dict) else mask if isinstance(mask, tuple) else [mask]
    for one in each:
        if isinstance(one, np.ndarray) and one.ndim == 2 and _ends_rows(one):
            text = (
                f"mask leaves the last steps of sequences out of the loss, and {reader} reads them "
                "all the same; if they are padding, give lengths=(mask != 0).sum(axis=0) in its "
                "place, else lengths=np.full(B, T) too"
            )
            warnings.warn(text, UserWarning, stacklevel=outside())
            return


def _reads_on(block: object) -> bool:
    """True of what reads all steps before any of its values is known."""
    return isinstance(block, Timed) and (block.reverse or isinstance(block, OverTime))


def _ends_rows(mask: np.ndarray) -> bool:
    """True if each row is counted from its first step on, and some not to the end.

    A row of which no step counts is one without weight, and says nothing of where it ends.
    """
    counted = mask != 0
    return bool((counted[0] & ~counted[-1]).any() and (counted[1:] <= counted[:-1]).all())
