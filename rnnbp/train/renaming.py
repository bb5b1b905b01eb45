"""Names of another library's weights, mapped to those of a model, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from rnnbp.checks.functions import note_call
from rnnbp.naming import old_path
from rnnbp.numerics import Array, escaped, shown
from rnnbp.support.nearest import hint

Rename: TypeAlias = Mapping[str, str | None] | Callable[[str], str | None] | Literal["torch"]
"""From a name in the file to that of a parameter, or the other way; None for one to be left out."""


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
    """Arrays under present paths; names of layers were suffixes in old files, "weight_head"."""
    old = {old_path(path): path for path in params if path not in arrays}
    return {
        name if name in params else old.get(name, name): array for name, array in arrays.items()
    }


def _names(
    place: str, arrays: Mapping[str, Array], rename: object, whose: str
) -> dict[str, str | None]:
    """The new name of each array, None for one that is left out."""
    names: dict[str, object]
    if rename is None:
        return {name: name for name in arrays}
    if isinstance(rename, Mapping):
        rename = _turned(place, arrays, rename)
        _check_known(place, arrays, rename, whose)
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


def _check_known(
    place: str, arrays: Mapping[str, Array], rename: Mapping[str, object], whose: str
) -> None:
    """Raise ValueError for a name in a dict that the arrays do not have."""
    for name in rename:
        if name not in arrays:
            turned = any(isinstance(new, str) and new in arrays for new in rename.values())
            cure = f"; all of rename goes from {whose} names to the others, or back" * turned
            raise ValueError(
                f"{place}: rename has {shown(name)}, which is not one of {whose} "
                f"names{hint(name, arrays)}{cure}"
            )


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
    """A dict from the arrays' names; one that leads to them is inverted.

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
