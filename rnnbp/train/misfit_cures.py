"""What to do about a file whose names or shapes are not those of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher

from rnnbp.missing import way_around
from rnnbp.numerics import escaped
from rnnbp.train.layer_misfits import Shapes, by_layer
from rnnbp.train.torch_modules import CELLS
from rnnbp.train.torch_names import from_torch

TORCHS = re.compile(r"_l\d+(_reverse)?$")
"""How names of PyTorch's recurrent layers end."""
TOGETHER = "if these belong together, give "
BUILD = "build the model with the layers of these weights"
SHOWN = 20
"""Pairs of names that an error proposes."""
BOTH = (
    "what rename makes has PyTorch's endings; give load_weights (model, {rename(name): a for name, "
    "a in safetensors.numpy.load_file(path).items()}, rename='torch')"
)


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


def cures(model: Shapes, file: Shapes, origin: Mapping[str, str]) -> list[str]:
    """What to do, the most likely first."""
    raw = {origin.get(name, name): shape for name, shape in file.items()}
    if _is_torchs(model, raw):
        return [TOGETHER + "rename='torch'"]
    missing = [*_not_there(file), *_of_gru(model, file)]
    found, elsewhere = ("", "") if missing else by_layer(model, file)
    if found:
        return [found]
    ways = [*missing, *[elsewhere] * bool(elsewhere)]
    if _transposed(model, file):
        ways.append("weights of Keras are transposed, see help(rnnbp.LSTM)")
    if missing or any(map(_backward, file)):
        return ways or [BUILD]  # no names of both directions go together with those of one
    if raw.keys() != file.keys() and _is_torchs(model, file):
        ways.append(BOTH)
    if proposed := proposal(model, file, origin):
        return [*ways, "or, " * bool(ways) + TOGETHER + proposed]
    return ways or [BUILD]


def in_part(model: Shapes, file: Shapes) -> list[str]:
    """That what both have can be read alone, if some names are missing, and no shape differs."""
    both = [name for name in model if name in file]
    if not both or any(model[name] != file[name] for name in both):
        return []
    return ["or give strict=False, which reads what both have and leaves the rest"]


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
        if _backward(name) and "weight_hh" in name and len(shape) == 2:
            cell, option = CELLS.get(shape[0] // max(1, shape[1]), "RNN"), "bidirectional"
            found.append(f"they are of a layer with {option}; {way_around(cell, option)}")
    return found[:1]


def _of_gru(model: Shapes, file: Shapes) -> list[str]:
    theirs = any(name.endswith("weight_hm") and name not in file for name in model)
    return ["build the GRU with reset_after=True, its default, which is PyTorch's"] * theirs


def _transposed(model: Shapes, file: Shapes) -> bool:
    both = [(shape, file[name]) for name, shape in model.items() if name in file]
    return any(len(shape) == 2 and shape != other and shape == other[::-1] for shape, other in both)


def proposal(model: Shapes, file: Shapes, origin: Mapping[str, str]) -> str:
    """A ``rename`` for the names that only one side has, as text; "" for none.

    Args:
        origin: the names in the file of what was renamed already, which the proposal repeats.
    """
    free = {name: shape for name, shape in file.items() if name not in model}
    pairs = []
    for path, shape in model.items():
        alike = [name for name, other in free.items() if other == shape]
        if path not in file and alike:
            best = max(
                alike, key=lambda name: SequenceMatcher(None, _end(name), _end(path)).ratio()
            )
            pairs.append(f"{escaped(origin.get(best, best), 80)!r}: {path!r}")
            del free[best]
    if not pairs:
        return ""
    pairs = [
        f"{escaped(old, 80)!r}: {new!r}"
        for new, old in origin.items()
        if new in model and new != old
    ] + pairs
    return f"rename={{{', '.join(pairs[:SHOWN])}{', ...' if len(pairs) > SHOWN else ''}}}"


def _end(name: str) -> str:
    return name.rpartition(".")[2]
