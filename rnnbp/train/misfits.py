"""Errors for a file whose names or shapes differ from a model's: the cure, then what differs."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbp.numerics import Array
from rnnbp.train.layer_misfits import Shapes, biases
from rnnbp.train.misfit_cures import BUILD, TORCHS, cures, differences, in_part

LOADING = ("load_weights", "load_torch_weights")
"""How the places begin that have an argument ``strict``."""
OWN = "the file does not match the model, build the model with the architecture that was saved"
SHORT = 180
"""Characters of cures that share a line with what differs."""
LISTED = 6
"""Differences that an error lists."""


def check_names(
    place: str,
    params: Mapping[str, Array],
    arrays: Mapping[str, Array],
    origin: Mapping[str, str] | None = None,
) -> None:
    """Raise ValueError, with a ``rename`` to try, unless names and shapes are those of ``params``.

    Args:
        origin: the names in the file of arrays that were renamed.
    """
    model, file = ({name: a.shape for name, a in given.items()} for given in (params, arrays))
    if found := differences(model, file):
        raise _misfit(place, cures(model, file, origin or {}), found, model, file)


def check_shapes(place: str, model: Shapes, file: Shapes) -> None:
    """Raise ValueError unless a file of ours has the names and shapes of a model."""
    if found := differences(model, file):
        theirs = any(map(TORCHS.search, file))
        ways = cures(model, file, {}) if theirs else biases(model, file) or [OWN]
        raise _misfit(place, ways, found, model, file)


def _misfit(
    place: str, ways: list[str], found: list[str], model: Shapes, file: Shapes
) -> ValueError:
    if place.startswith(LOADING) and ways in ([BUILD], [OWN]):
        ways = [*ways, *in_part(model, file)]
    end = f"ames or shapes differ: {listed(found)}"
    if len("; ".join(ways)) <= SHORT:
        return ValueError(f"{place}: {'; '.join(ways)}. N{end}")
    return ValueError("\n  ".join([f"{place}:", *ways]) + f"\nN{end}")


def listed(found: list[str]) -> str:
    """Up to ``LISTED`` of them, as text."""
    more = [f"and {len(found) - LISTED} more"] if len(found) > LISTED else []
    return "; ".join([*found[:LISTED], *more])
