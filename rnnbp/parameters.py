"""A network's parameters as a mapping: values are written into its arrays, copies are dicts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import NoReturn, Protocol, Self, SupportsIndex, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from rnnbp.checks.arrays import plain
from rnnbp.checks.mapped import check_there
from rnnbp.naming import NUMBER, ByPath, likely, old_path
from rnnbp.numerics import Array, DtypeError, ShapeError, cast, shown
from rnnbp.support.writes import WRITES

Pairs: TypeAlias = Mapping[str, npt.ArrayLike] | Iterable[tuple[str, npt.ArrayLike]]
"""What a dict is made of."""
LISTED = 6
"""Names that an error lists."""
READ_ONLY_CURE = (
    "set its flags.writeable, or, where it is a mapped file, as joblib's workers get it, "
    "take copy.deepcopy(model), or of what holds both, copy.deepcopy((model, optimizer))"
)


@runtime_checkable
class HasParams(Protocol):
    """A model: its ``params`` are its live arrays by name."""

    @property
    def params(self) -> Mapping[str, Array]: ...


class Parameters(ByPath):
    """The live arrays of a network by path, as they are now.

    They are the network's own: ``update`` and ``|=`` write values into them, nothing is added,
    removed or put in their place. ``copy()``, ``copy.copy``, ``copy.deepcopy`` and pickling give a
    plain dict of copies, which later updates of the network do not change; ``dict(params)`` and
    ``params | other`` hold the live arrays. ``params[path] *= 2`` writes too, and ``==`` compares
    values.

    >>> import rnnbp as rb
    >>> model = rb.LSTM(3, 4)
    >>> best = model.params.copy()
    >>> model.params["weight_hh"] *= 2
    >>> model.params.update(best)
    >>> bool((model.params["weight_hh"] == best["weight_hh"]).all())
    True

    Args:
        arrays: (path, array) pairs. network: whose they are.
    """

    def __init__(self, arrays: Iterable[tuple[str, Array]], network: HasParams) -> None:
        super().__init__(arrays)
        self.network = network

    def update(  # type: ignore[override]  # arrays of any kind, where a dict takes arrays alone
        self, given: Pairs = (), /, **named: npt.ArrayLike
    ) -> None:
        """Write values into the arrays of their paths, in their dtype, once all are checked.

        Takes what ``dict.update`` takes, for all paths or some. Raises ValueError for a path
        that is not there, a read-only parameter, or a number beyond its dtype; ShapeError;
        DtypeError for what is not real numbers; TypeError for a masked array.
        """
        found = dict(given, **named)
        if any(path not in self for path in found):
            old = {old_path(path): path for path in self}
            found = {
                path if path in self else old.get(path, path): value
                for path, value in found.items()
            }
        if unknown := [path for path in found if path not in self]:
            raise ValueError(_unknown(unknown, list(self)))
        values = {path: _fitting(path, self[path], value) for path, value in found.items()}
        for path, value in values.items():
            if value is not self[path] and any(
                np.may_share_memory(value, p) for p in self.values()
            ):
                # Writing one parameter must not change what another is to become.
                values[path] = value.copy()
        WRITES.note()
        for path, value in values.items():
            if value is not self[path]:
                self[path][...] = value

    # One for dict's two overloads.
    def __ior__(self, other: Pairs) -> Self:  # type: ignore[override, misc]
        self.update(other)
        return self

    def copy(self) -> dict[str, Array]:
        """A plain dict of copies."""
        return {path: array.copy() for path, array in self.items()}

    def __copy__(self) -> dict[str, Array]:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, object]) -> dict[str, Array]:
        return copy.deepcopy(dict(self), memo)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type, tuple[dict[str, Array]]]:
        return dict, (dict(self),)

    def setdefault(self, path: str, default: object = None) -> Array:
        """Returns the array of a path. Raises TypeError for a path that is not there."""
        if path not in self:
            self._refuse(f"nothing can be added as {path!r}")
        return self[path]

    def __eq__(self, other: object) -> bool:
        """True for a mapping of the same paths to equal arrays, in any order."""
        if not isinstance(other, Mapping) or self.keys() != other.keys():
            return False
        check_there(*other.values())
        return all(
            value is other[path] or np.array_equal(value, other[path])
            for path, value in self.items()
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # as of every dict

    def __setitem__(self, path: str, value: Array) -> None:
        # The second half of params[path] *= 2, which is done already.
        if path in self and value is self[path]:
            return
        raise TypeError(
            f"params[{path!r}] cannot be replaced; write into it: params[{path!r}][...] = values"
        )

    def __delitem__(self, path: str) -> None:
        self._refuse(f"params[{path!r}] cannot be deleted")

    def pop(self, path: str, *default: object) -> NoReturn:
        self._refuse(f"params[{path!r}] cannot be removed")

    def popitem(self) -> NoReturn:
        self._refuse("params cannot be removed")

    def clear(self) -> NoReturn:
        self._refuse("params cannot be cleared")

    def _refuse(self, what: str) -> NoReturn:
        cure = "they are the network's own: build another network, or take a copy, params.copy()"
        raise TypeError(f"{what}; {cure}")


def _unknown(given: list[str], known: list[str]) -> str:
    """The error of paths that are not there: what may have been meant first."""
    theirs = any(isinstance(path, str) and NUMBER.search(path) for path in given)
    near = likely(given[0], known) if isinstance(given[0], str) else ""
    cure = "PyTorch's are read by rnnbp.load_weights(model, arrays, rename='torch'); " * theirs
    names = _some(map(shown, given))
    return (
        f"params.update: no parameter is called {names}{near}; {cure}the network's are "
        f"{_some(known)}"
    )


def _some(names: Iterable[str]) -> str:
    """The first of them."""
    listed = list(names)
    more = [f"and {len(listed) - LISTED} more"] * (len(listed) > LISTED)
    return ", ".join([*listed[:LISTED], *more])


def _fitting(path: str, p: Array, value: npt.ArrayLike) -> Array:
    """``value`` for a parameter, in its dtype. Raises where it does not fit."""
    found = plain(repr(path), value, "params.update")
    if found.dtype.kind not in "fiub" and found.dtype != p.dtype:  # complex is gradcheck's
        raise DtypeError(f"params.update: {path!r} has dtype {found.dtype}; give real numbers")
    if found.shape != p.shape:
        raise ShapeError(
            f"params.update: {path!r} must have shape {p.shape}, found {found.shape}; reshape it"
        )
    if not p.flags.writeable:
        raise ValueError(f"params.update: {path!r} is read-only; {READ_ONLY_CURE}")
    return cast(found, p.dtype, "params.update", repr(path))
