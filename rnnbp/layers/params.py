"""The parameters of a layer: arrays by name, whose shapes stay those that they had first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self, SupportsIndex, TypeAlias

import numpy as np

from rnnbp.checks.mapped import check_there
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError, shown
from rnnbp.support.pickled import once
from rnnbp.support.writes import WRITES

Named: TypeAlias = Mapping[str, Array] | Iterable[tuple[str, Array]]
"""What a dict is made of."""


class LayerParams(dict[str, Array]):
    """Arrays by name, each with a fixed shape, because plans and compiled code depend on it.

    Raises:
        TypeError: for what is not an array.
        DtypeError: for an array that is not float32 or float64.
        ShapeError: for an array whose shape differs from the first under its name.
    """

    shapes: dict[str, Shape]
    """The first shape under each name. It is stored because an array may be resized in place."""

    def __init__(self, given: Named = ()) -> None:
        super().__init__()
        self.update(given)

    def __setitem__(self, key: str, value: Array) -> None:
        self.update({key: value})

    def __ior__(self, other: Named) -> Self:  # type: ignore[override, misc]  # one for dict's two overloads
        self.update(other)
        return self

    def update(self, given: Named = (), /, **named: Array) -> None:  # type: ignore[override]  # one for dict's overloads
        found = dict(given, **named)
        for key, value in found.items():
            self._check(key, value)
        if self.keys() & found.keys():  # not of a new layer
            WRITES.note()
        super().update(found)
        shapes = vars(self).setdefault("shapes", {})  # unpickling does not call __init__
        for key, value in found.items():
            shapes.setdefault(key, value.shape)

    def __copy__(self) -> Self:
        found = type(self)(self)
        found.shapes = self.shapes.copy()
        return found

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, ...]:
        """As dicts are pickled; an array that is tied to others stays so, by joblib too."""
        found = super().__reduce_ex__(max(2, int(protocol)))
        assert isinstance(found, tuple)
        maker, args, state, *_ = found
        return maker, args, state, None, iter([(key, once(p)) for key, p in self.items()])

    def _check(self, key: str, value: object) -> None:
        if not isinstance(value, np.ndarray):
            raise TypeError(
                f"parameter {key!r} must be an array, found {shown(value)}; use np.asarray(..., "
                "'float32')"
            )
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(
                f"parameter {key!r} is a masked array, whose mask would be lost; give its data"
            )
        check_there(value)
        if value.dtype not in (np.float32, np.float64, np.complex128):  # complex is gradcheck's
            raise DtypeError(
                f"parameter {key!r} has dtype {value.dtype}; parameters are float32 or float64"
            )
        if (expected := vars(self).get("shapes", {}).get(key, value.shape)) != value.shape:
            raise ShapeError(
                f"parameter {key!r} must have shape {expected}, found {value.shape}; "
                f"write into it, params[{key!r}][...] = values, or build a new layer"
            )


def parameter(owner: dict[str, Array], key: str, path: str = "") -> Array:
    """Returns a parameter as a plain array. Raises unless its layer was built with such an array.

    Args:
        owner: the parameters of a layer.
        key: the name of one of them.
        path: what errors call it; the key by default.

    Raises:
        TypeError: for a parameter that is missing or not an array.
        ShapeError: for one that was resized, or stored past the checks.
    """
    given = owner.get(key)
    if (
        type(given) is np.ndarray
        and type(owner) is LayerParams
        and given.shape == owner.shapes[key]
    ):
        return given
    path = path or key
    if not isinstance(given, np.ndarray) or isinstance(given, np.ma.MaskedArray):
        found = "is missing" if given is None else f"must be an array, found {type(given).__name__}"
        raise TypeError(f"{path} {found}; write into a parameter, params[{path!r}][...] = values")
    # A subclass may say anything of its shape.
    array = given if type(given) is np.ndarray else np.asarray(given)
    if isinstance(owner, LayerParams) and array.shape != owner.shapes[key]:
        raise ShapeError(
            f"{path} has shape {array.shape}, its layer was built with {owner.shapes[key]}; "
            f"resize no parameter in place, build a new layer"
        )
    return array
