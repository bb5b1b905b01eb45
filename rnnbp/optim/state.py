"""The state of an optimiser, as ``state_dict`` returns it, and the check before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbp.numerics import Array, DtypeError, ShapeError, escaped, first_bad

SQUARES = ("sum", "square", "v")
"""Slots that hold sums or means of squares."""


def check_state(place: str, own: Mapping[str, Array], state: Mapping[str, Array]) -> None:
    """Raise ValueError, ShapeError or DtypeError unless ``state`` has the names, shapes and dtypes
    of ``own``, is finite, and its squares are not negative.
    """
    if missing := sorted(own.keys() - state.keys()):
        raise ValueError(
            f"{place}: {', '.join(missing)} missing; load what the same optimiser and model saved, "
            f"with the same frozen="
        )
    if unexpected := sorted(state.keys() - own.keys()):
        raise ValueError(
            f"{place}: {escaped(', '.join(unexpected), 400)} unexpected; "
            f"was it saved by a different optimiser or model, or with other frozen=?"
        )
    for key, x in own.items():
        _check_slot(f"{place}: {key}", x, state[key], key.split("/")[0].rpartition(".")[2])
    if state["step"] < 0:
        raise ValueError(f"{place}: step must be at least 0, found {state['step']}")


def _check_slot(place: str, own: Array, given: Array, slot: str) -> None:
    if given.shape != own.shape:
        raise ShapeError(
            f"{place} must have shape {own.shape}, found {given.shape}; is it this model?"
        )
    if given.dtype != own.dtype:
        raise DtypeError(
            f"{place} must have dtype {own.dtype}, found {given.dtype}; build the model so"
        )
    if (bad := first_bad(given)) is not None:
        raise ValueError(f"{place} has {given[bad]} at {list(bad)}; load an earlier state")
    if slot in SQUARES and given.size and given.min() < 0:
        raise ValueError(
            f"{place} has {given.min()}, a mean of squares is at least 0; load an earlier state"
        )
