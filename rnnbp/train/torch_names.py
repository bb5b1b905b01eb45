"""PyTorch's names for the weights of recurrent layers: ``lstm.weight_ih_l0``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

NUMBERED = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
"""Parameters of a layer that PyTorch numbers."""
DIRECTIONS = {"forward": "", "backward": "_reverse"}
"""How PyTorch's names end, by the part of a Bidirectional."""
WRAPPED = re.compile(r"(?:module\.|_orig_mod\.)+")
"""How all names begin that DataParallel and torch.compile write."""


def torch_names(paths: Iterable[str]) -> dict[str, str]:
    """By the path of each parameter, the name that PyTorch has for it.

    Weights of a recurrent layer ``lstm`` end in ``_l0``. Those of a Sequential ``lstm`` of nothing
    but recurrent layers, and layers without parameters, as Dropout, end in ``_l0``, ``_l1``, ...,
    as of one layer of PyTorch with ``num_layers``. Those of the second direction of a
    Bidirectional end in ``_l0_reverse``. All others keep their names.

    >>> paths = ["rnn.0.weight_ih", "rnn.0.weight_hh", "rnn.2.weight_ih", "rnn.2.weight_hh"]
    >>> list(torch_names([*paths, "fc.bias"]).values())
    ['rnn.weight_ih_l0', 'rnn.weight_hh_l0', 'rnn.weight_ih_l1', 'rnn.weight_hh_l1', 'fc.bias']
    """
    paths = list(paths)
    known = recurrent_names(paths)
    return {path: known.get(path, path) for path in paths}


def recurrent_names(paths: Iterable[str]) -> dict[str, str]:
    """PyTorch's names by path of all that recurrent layers may have, of biases they lack too."""
    return {
        _join(owner, key): _join(level.parent, f"{key}_l{level.number}{level.ending}")
        for owner, level in _levels(list(paths)).items()
        for key in NUMBERED
    }


def from_torch(paths: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """By name in a file of PyTorch, the path of a parameter, for those whose names differ.

    Recurrent layers that are separate in PyTorch, ``lstms.0.weight_ih_l0``, are recognised too, and
    what DataParallel and torch.compile put before all names is taken off.
    """
    paths = list(paths)
    bare = unwrapped(paths, names)
    given, found, levels = {*bare.values()}, {}, _levels(paths)
    for path, name in recurrent_names(paths).items():
        owner, _, key = path.rpartition(".")
        apart = _join(levels[owner].layer, f"{key}_l0{levels[owner].ending}")
        found[apart if apart in given and name not in given else name] = path
    own = {name: found.get(short, short) for name, short in bare.items()}
    return {name: path for name, path in own.items() if path != name}


def unwrapped(paths: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """Names without ``module.`` and ``_orig_mod.``, if all have it, and no path of the model."""
    alike = all(map(WRAPPED.match, names)) and not any(map(WRAPPED.match, paths))
    return {name: WRAPPED.sub("", name, count=1) if alike else name for name in names}


class Level(NamedTuple):
    """Where PyTorch has the weights of a recurrent layer, of one direction.

    Attributes:
        layer: the path of the layer of both directions, or of the only one.
        parent: the first part of their names.
        number, ending: what these end in, ``_l<number><ending>``.
    """

    layer: str
    parent: str
    number: int
    ending: str


def _levels(paths: list[str]) -> dict[str, Level]:
    """By the path of each recurrent layer, where PyTorch has its weights."""
    owners = dict.fromkeys(map(_owner, paths))
    recurrent = [
        owner
        for owner in owners
        if {_join(owner, "weight_ih"), _join(owner, "weight_hh")} <= {*paths}
    ]
    layers = dict.fromkeys(_layer(owner, recurrent) for owner in owners)
    known = {_layer(owner, recurrent) for owner in recurrent}
    found = {}
    for owner in recurrent:
        layer = _layer(owner, recurrent)
        parent, _, place = layer.rpartition(".")
        inside = [other for other in layers if not parent or other.startswith(f"{parent}.")]
        alone = all(other in known and _owner(other) == parent for other in inside)
        ending = "" if layer == owner else DIRECTIONS[owner.rpartition(".")[2]]
        at = (parent, inside.index(layer)) if place.isdigit() and alone else (layer, 0)
        found[owner] = Level(layer, *at, ending)
    return found


def _layer(owner: str, recurrent: Collection[str]) -> str:
    """The path of the layer that an owner of parameters is: of both directions, where it is one of
    two.
    """
    both = [_join(_owner(owner), direction) for direction in DIRECTIONS]
    return _owner(owner) if owner in both and {*both} <= {*recurrent} else owner


def _owner(path: str) -> str:
    return path.rpartition(".")[0]


def _join(owner: str, key: str) -> str:
    return f"{owner}.{key}" if owner else key
