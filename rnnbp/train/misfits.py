"""Errors for a file whose names or shapes are not those of a model: what to do first, then what
differs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rnnbp.missing import way_around
from rnnbp.numerics import Array, Shape, escaped
from rnnbp.train.renaming import proposal
from rnnbp.train.torch_names import from_torch

TORCHS = re.compile(r"_l\d+(_reverse)?$")
"""How names of PyTorch's recurrent layers end."""
LISTED = 6
"""Differences that an error lists."""
CELLS = {4: "LSTM", 3: "GRU"}
"""By the number of gates; others have one."""
TOGETHER = "if these belong together, give load_weights "
Shapes = Mapping[str, Shape]


def check_names(
    place: str,
    params: Mapping[str, Array],
    arrays: Mapping[str, Array],
    origin: Mapping[str, str] | None = None,
) -> None:
    """Raise ValueError unless the names and shapes are those of ``params``; the error proposes a
    ``rename``.

    Args:
        origin: the names in the file of arrays that were renamed.
    """
    model, file = ({name: a.shape for name, a in given.items()} for given in (params, arrays))
    if found := differences(model, file):
        raise _misfit(place, _cures(model, file, origin or {}), found)


def check_shapes(place: str, model: Shapes, file: Shapes) -> None:
    """Raise ValueError, listing up to ``LISTED`` differences, unless a file of ours has the names
    and shapes of a model.
    """
    if found := differences(model, file):
        theirs = any(map(TORCHS.search, file))
        own = [
            "the file does not match the model, build the model with the architecture that was "
            "saved"
        ]
        raise _misfit(place, _cures(model, file, {}) if theirs else own, found)


def _misfit(place: str, cures: list[str], found: list[str]) -> ValueError:
    return ValueError(f"{place}: {'; '.join(cures)}. Names or shapes differ: {listed(found)}")


def differences(model: Shapes, file: Shapes) -> list[str]:
    """The names and shapes of a file that differ from those of a model."""
    found = [f"{name} is missing" for name in model if name not in file]
    found += [f"{escaped(name, 80)} is unexpected" for name in file if name not in model]
    found += [
        f"{name} has shape {file[name]}, the model's {shape}"
        for name, shape in model.items()
        if file.get(name, shape) != shape
    ]
    return found


def listed(found: list[str]) -> str:
    """Up to ``LISTED`` of them, as text."""
    more = [f"and {len(found) - LISTED} more"] if len(found) > LISTED else []
    return "; ".join([*found[:LISTED], *more])


def _cures(model: Shapes, file: Shapes, origin: Mapping[str, str]) -> list[str]:
    """What to do, the most likely first."""
    raw = {origin.get(name, name): shape for name, shape in file.items()}
    if _is_torchs(model, raw):
        return [TOGETHER + "rename='torch'"]
    cures = [*_not_there(file), *_of_gru(model, file), *_stacked(model, file)]
    if _transposed(model, file):
        cures.append("weights of Keras are transposed, see help(rnnbp.LSTM)")
    if any(map(_backward, file)):
        return cures  # names and shapes of both directions do not go together with those of one
    if proposed := proposal(model, file, origin):
        return [*cures, TOGETHER + proposed]
    return cures or ["build the model with the layers of the file"]


def _is_torchs(model: Shapes, raw: Shapes) -> bool:
    """True if only names differ, and PyTorch's are those of the file."""
    names = from_torch(model, raw)
    return not differences(model, {names.get(name, name): shape for name, shape in raw.items()})


def _backward(name: str) -> bool:
    return name.endswith("_reverse") and TORCHS.search(name) is not None


def _not_there(file: Shapes) -> list[str]:
    """Features of the file's layers that ours lack, with the way around."""
    found = []
    for name, shape in file.items():
        option = (
            "bidirectional"
            if _backward(name)
            else "proj_size"
            if re.search(r"weight_hr_l\d+$", name)
            else ""
        )
        if option and "weight_h" in name and len(shape) == 2:
            cell = (
                "LSTM" if option == "proj_size" else CELLS.get(shape[0] // max(1, shape[1]), "RNN")
            )
            found.append(f"the file is of a layer with {option}; {way_around(cell, option)}")
    return found[:1]


def _stacked(model: Shapes, file: Shapes) -> list[str]:
    """The names of several layers in PyTorch."""
    found = [
        re.fullmatch(r"(?:(.*)\.)?weight_ih_l[1-9]\d*", name) for name in file if name not in model
    ]
    names = [f", name={match[1]!r}" if match[1] else "" for match in found if match]
    text = "for rename='torch', several layers of PyTorch's in one are rnnbp.Sequential(LSTM(...), LSTM(...){})"
    return [text.format(name) for name in names[:1]]


def _of_gru(model: Shapes, file: Shapes) -> list[str]:
    theirs = any(name.endswith("weight_hm") and name not in file for name in model)
    return ["build the GRU with reset_after=True, its default, which is PyTorch's"] * theirs


def _transposed(model: Shapes, file: Shapes) -> bool:
    both = [(shape, file[name]) for name, shape in model.items() if name in file]
    return any(len(shape) == 2 and shape != other and shape == other[::-1] for shape, other in both)
