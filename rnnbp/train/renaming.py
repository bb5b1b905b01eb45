"""Names of another library's weights, mapped to those of a model, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from rnnbp.checks.functions import note_call
from rnnbp.naming import old_path
from rnnbp.numerics import Array, Shape, escaped, shown
from rnnbp.support.nearest import hint

Rename: TypeAlias = Mapping[str, str | None] | Callable[[str], str | None] | Literal["torch"]
"""From a name in the file to that of a parameter, or the other way; None for one to be left out."""
SHOWN = 20
"""Pairs of names that an error proposes."""


def renamed_arrays(
    place: str, arrays: Mapping[str, Array], rename: object, whose: str
) -> dict[str, Array]:
    """The arrays under their new names; a name that a dict does not have stays.

    Args:
        whose: "the file's" or "the model's", the present names.

    A dict in the opposite direction is inverted. Raises TypeError for anything but a dict or a
    function of texts, ValueError for a name in the dict that the arrays do not have, and if two
    tensors get one name.
    """
    names = _names(place, arrays, rename, whose)
    found: dict[str, Array] = {}
    for old, new in names.items():
        if new is None:
            continue
        if new in found:
            both = ", ".join(escaped(other, 80) for other, name in names.items() if name == new)
            raise ValueError(
                f"{place}: rename makes {shown(new)} of several tensors, {both}; give each its own "
                "name"
            )
        found[new] = arrays[old]
    return found


def respelled(arrays: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays that were saved when names of layers were suffixes, "weight_head", under their present
    paths.
    """
    old = {old_path(path): path for path in params if path not in arrays}
    return {
        name if name in params else old.get(name, name): array for name, array in arrays.items()
    }


def proposal(
    model: Mapping[str, Shape], file: Mapping[str, Shape], origin: Mapping[str, str]
) -> str:
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


def _names(
    place: str, arrays: Mapping[str, Array], rename: object, whose: str
) -> dict[str, str | None]:
    names: dict[str, object]
    if rename is None:
        return {name: name for name in arrays}
    if isinstance(rename, Mapping):
        rename = _turned(place, arrays, rename)
        for name in rename:
            if name not in arrays:
                turned = any(isinstance(new, str) and new in arrays for new in rename.values())
                cure = (
                    f"; all of rename goes from {whose} names to the others, or back"
                    if turned
                    else ""
                )
                near = hint(name, arrays)
                raise ValueError(
                    f"{place}: rename has {shown(name)}, which is not one of {whose} "
                    f"names{near}{cure}"
                )
        names = {name: rename.get(name, name) for name in arrays}
    elif callable(rename):
        names = {name: _called(place, rename, name) for name in arrays}
    else:
        near = hint(rename, ["torch"])
        raise TypeError(
            f"{place}: rename is a dict or a function of names, or 'torch', found "
            f"{shown(rename)}{near}"
        )
    found: dict[str, str | None] = {}
    for name, new in names.items():
        if not isinstance(new, str | None):
            raise TypeError(
                f"{place}: rename makes {shown(new)} of {escaped(name, 80)!r}; give a text, or None"
            )
        found[name] = new
    return found


def _called(place: str, rename: Callable[[str], object], name: str) -> object:
    try:
        return rename(name)
    except Exception as error:  # whatever the user's code raises
        note_call(
            error, f"{place}: rename", rename, repr(name), "another name, or None to leave it out"
        )
        raise


def _turned(
    place: str, arrays: Mapping[str, Array], rename: Mapping[str, object]
) -> Mapping[str, object]:
    """A dict from the arrays' names; one whose values, and none of whose keys, are these is
    inverted.

    Raises ValueError if one of them has two.
    """
    kept = [new for new in rename.values() if new is not None]
    if not kept or any(name in arrays for name in rename):
        return rename
    if not all(isinstance(new, str) and new in arrays for new in kept):
        return rename
    found: dict[str, object] = {str(new): name for name, new in rename.items() if new is not None}
    if len(found) < len(kept):
        raise ValueError(
            f"{place}: rename has a name twice among {shown(list(rename.values()))}; give each its "
            "own"
        )
    return found
