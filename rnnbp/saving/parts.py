"""The parts of a model in a file, compared with its arrays before anything is built."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rnnbp.numerics import Array, StorageError, escaped, first_bad
from rnnbp.saving.containers import CONTAINERS
from rnnbp.saving.table import NAMED
from rnnbp.storage import JSON, Fields
from rnnbp.train.given_weights import CONSTANTS

KINDS = (*CONTAINERS, *NAMED)
FLOATS = ("float32", "float64")


def parts_of(about: Fields) -> list[Fields]:
    """The description of each part. Raises StorageError for one of a kind that is not known."""
    found = list[Fields]()
    for k, values in enumerate(_list(about, "parts")):
        if not isinstance(values, dict):
            about.refuse(f"part {k} is no dict")
        fields = Fields(about.path, values, f"part {k}", about.cure)
        own = "own" in values
        kind = fields.text("own" if own else "kind")
        if not own and kind not in KINDS:
            raise StorageError(
                f"{about.path} has a part of a kind that this rnnbp does not know, "
                f"{escaped(kind, 80)}; update rnnbp"
            )
        fields.where += f", {escaped(kind, 80)}"
        found.append(fields)
    if not found:
        about.refuse("it has no parts")
    return found


def constants_of(about: Fields, arrays: dict[str, Array]) -> list[Array]:
    """The arrays that are options, which ``arrays`` has no more then."""
    names = _list(about, CONSTANTS)
    if not all(isinstance(name, str) and name in arrays for name in names):
        about.refuse("a constant is not among its arrays")
    return [arrays.pop(name) for name in names if isinstance(name, str) and name in arrays]


def names_of(fields: Fields) -> dict[str, str]:
    """The path of each parameter that a part has itself, by its key."""
    if fields.missing("params"):
        return {}
    given = fields.fields("params")
    return {key: given.text(key) for key in given.values}


def check_arrays(about: Fields, parts: Sequence[Fields], arrays: Mapping[str, Array]) -> None:
    """Raise StorageError unless the parts have the arrays, all of them, and ValueError for NaN."""
    named = {path for fields in parts for path in names_of(fields).values()}
    for what, which in (
        ("lacks", named - arrays.keys()),
        ("has no part with", arrays.keys() - named),
    ):
        if which:
            about.refuse(f"it {what} the parameters {_some(which)}")
    for path, array in arrays.items():
        if array.dtype.name not in FLOATS:
            about.refuse(f"{escaped(path, 80)} is {array.dtype}, no parameter is")
        cure = "take one of before its training diverged"
        check_finite(f"load from {about.path}", path, array, cure)


def check_finite(place: str, path: str, array: Array, cure: str) -> None:
    """Raise ValueError for a parameter that is not finite."""
    if (bad := first_bad(array)) is not None:
        raise ValueError(
            f"{place}: {escaped(path, 80)} has {array[bad]} at {list(bad)}, and the parameters of "
            f"models are finite; {cure}"
        )


def _list(about: Fields, name: str) -> list[JSON]:
    found = about.raw(name)
    if not isinstance(found, list):
        about.refuse(f"its {name} are no list")
    return found


def _some(names: Collection[str]) -> str:
    """The first few."""
    first = [escaped(name, 80) for name in sorted(names)[:3]]
    return ", ".join([*first, *["..."] * (len(names) > len(first))])
