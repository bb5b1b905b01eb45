"""What containers of layers share: parameters by path, dtype, copies."""

from __future__ import annotations

import copy
from abc import ABC
from collections.abc import Iterable, Mapping
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from rnnbp.checks.mapped import check_there
from rnnbp.graph.timed import Timed
from rnnbp.layers.base import Layer
from rnnbp.layers.params import parameter
from rnnbp.naming import check_distinct
from rnnbp.numerics import Array, Dtype, DtypeError, float_dtype
from rnnbp.parameters import Parameters
from rnnbp.summarized import Summarized
from rnnbp.support.prepared import Holder
from rnnbp.wording.arguments import Named

REAL = (np.dtype(np.float32), np.dtype(np.float64))
Slot: TypeAlias = tuple[dict[str, Array], str]
"""Where a parameter lives: the ``params`` of its owner, and its key there."""


class Network(Named, Summarized, Holder, ABC):
    """A container of layers, with their parameters under paths as ``0.weight_ih``."""

    _has_paths = True
    slots: dict[str, Slot]
    name: str | None = None
    """The first part of the paths of its parameters in a network, instead of its position."""

    @property
    def params(self) -> Parameters:
        """Every parameter once, by its first path: the live arrays, to be updated in place. Set
        from a dict of all."""
        found: dict[int, tuple[str, Array]] = {}
        for path, (owner, key) in self.slots.items():
            if (array := owner[key]).base is not None:
                check_there(array)
            found.setdefault(id(array), (path, array))
        return Parameters(found.values(), self)

    @params.setter
    def params(self, values: Mapping[str, Array]) -> None:
        present = self.params
        if missing := [path for path in present if path not in values]:
            raise ValueError(
                f"params: {', '.join(missing)} missing; give them all, or use params.update"
            )
        present.update(values)

    @property
    def dtype(self) -> Dtype | None:
        """The dtype of all parameters; None without any. Raises DtypeError if they differ."""
        dtypes = [owner[key].dtype for owner, key in self.slots.values()]
        # By identity first, so that it takes no time.
        if not dtypes or dtypes.count(dtypes[0]) == len(dtypes):
            return dtypes[0] if dtypes else None
        found = {array.dtype: path for path, array in self.params.items()}
        if len(found) > 1:
            listed = ", ".join(f"{path} is {dtype}" for dtype, path in found.items())
            raise DtypeError(
                f"parameters must share one dtype, but {listed}; build all layers with one, or use "
                "astype"
            )
        return next(iter(found), None)

    def astype(self, dtype: npt.DTypeLike) -> Self:
        """A copy with parameters of ``dtype``, float32 or float64; what was shared still is."""
        return self._astype(float_dtype(dtype))

    def _astype(self, dtype: Dtype) -> Self:
        """``astype`` for any dtype: gradcheck copies a model into complex128."""
        new = copy.deepcopy(self)
        cast: dict[int, Array] = {}
        for layer_params in _owners(new):
            for key, array in layer_params.items():
                layer_params[key] = cast.setdefault(id(array), array.astype(dtype))
        return new

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        check_there(*(owner[key] for owner, key in self.slots.values()))
        new = copy.copy(self)
        memo[id(self)] = new
        vars(new).update({name: copy.deepcopy(value, memo) for name, value in vars(self).items()})
        return new


def check_parameters(network: Network) -> None:
    """Raise where a parameter was resized, or put there past the checks.

    Raises ShapeError, DtypeError, or TypeError for what is missing, or no plain array; they name
    the parameter. Raises StorageError for one of a mapped file that was cut short.
    """
    checked_parameters(network)


def checked_parameters(network: Network) -> list[tuple[str, Slot, Array]]:
    """The path, place and array of every parameter, a tied one in each of its places.

    Raises as ``check_parameters`` does.
    """
    found = []
    for path, slot in network.slots.items():
        owner, key = slot
        array = parameter(owner, key, path)
        if array.base is not None:
            check_there(array)
        if array.dtype not in REAL and array.dtype != np.complex128:  # gradcheck's
            raise DtypeError(
                f"{path} has dtype {array.dtype}; parameters are float32 or float64, use astype"
            )
        found.append((path, slot, owner[key]))
    return found


def name_params(
    children: Iterable[tuple[str, Layer | Network]], what: str = "Graph", *, suffixes: bool = False
) -> dict[str, Slot]:
    """The slots of a container from those of its children, each with its position in the container.

    A layer or network with a name has ``<name>.weight``, another ``<position>.weight``; in a cell,
    with ``suffixes``, ``weight_<name>``; a ``sole`` parameter ``<name>``. Of a position "" the
    paths are the child's own. The
    parameters of a layer that is met twice keep their first path. A tied weight has a slot in each
    of its layers, for it may be untied later. Raises ValueError where two layers of ``what`` have
    one name, or two paths are equal.
    """
    children = list(children)
    if not suffixes:
        check_distinct(
            what,
            (
                (_place(position, child) if child.name else None, child)
                for position, child in children
            ),
        )
    slots: dict[str, Slot] = {}
    seen: set[tuple[int, str]] = set()
    for path, (owner, key) in _paths(children, suffixes):
        if (id(owner), key) in seen:
            continue
        seen.add((id(owner), key))
        known = slots.setdefault(path, (owner, key))
        if known[0][known[1]] is not owner[key]:
            raise ValueError(
                f"{what}: two parameters are called {path!r}; give the layers different names"
            )
    return slots


def _paths(
    children: Iterable[tuple[str, Layer | Network]], suffixes: bool
) -> Iterable[tuple[str, Slot]]:
    for position, child in children:
        place = f"{_place(position, child)}." if position else ""
        if isinstance(child, Network):
            yield from ((f"{place}{path}", slot) for path, slot in child.slots.items())
            continue
        for key in child.params:
            path = f"{key}_{child.name}" if suffixes and child.name else f"{place}{key}"
            yield path if not named_alone(child) else place[:-1], (child.params, key)


def named_alone(child: Layer | Network | Timed) -> bool:
    """True if the name of a layer is the path of its only parameter."""
    return isinstance(child, Layer) and child.sole and child.name is not None


def _place(position: str, child: Layer | Network) -> str:
    """What a child's paths begin with. A position with a dot is a path, in a graph with a name."""
    return position if "." in position else child.name or position


def _owners(network: Network) -> list[dict[str, Array]]:
    """Every distinct ``params`` dictionary, those that only hold a tied parameter included."""
    found = {id(owner): owner for owner, _ in network.slots.values()}
    for layer in network.layers:
        owners = (
            _owners(layer)
            if isinstance(layer, Network)
            else [layer.params]
            if isinstance(layer, Layer)
            else []
        )
        found.update({id(owner): owner for owner in owners})
    return list(found.values())


def slots_of(block: Layer | Network | Timed) -> dict[str, Slot]:
    """Where the parameters of a layer or network are, by their names or paths."""
    if isinstance(block, Network):
        return block.slots
    return {key: (block.params, key) for key in block.params} if isinstance(block, Layer) else {}
