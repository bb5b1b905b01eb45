"""PyTorch's names for the weights of recurrent layers: ``lstm.weight_ih_l0``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

NUMBERED = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
"""Parameters of a layer that PyTorch numbers."""
WRAPPED = re.compile(r"(?:module\.|_orig_mod\.)+")
"""How all names begin that DataParallel and torch.compile write."""


def torch_names(paths: Iterable[str]) -> dict[str, str]:
    """By the path of each parameter, the name that PyTorch has for it.

    Weights of a recurrent layer ``lstm`` end in ``_l0``. Those of a Sequential ``lstm`` of nothing
    but recurrent layers, and layers without parameters, as Dropout, end in ``_l0``, ``_l1``, ...,
    as of one layer of PyTorch with ``num_layers``. All others keep their names.

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
        _join(owner, key): _join(parent, f"{key}_l{number}")
        for owner, (parent, number) in _levels(list(paths)).items()
        for key in NUMBERED
    }


def from_torch(paths: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """By name in a file of PyTorch, the path of a parameter, for those whose names differ.

    Recurrent layers that are separate in PyTorch, ``lstms.0.weight_ih_l0``, are recognised too, and
    what DataParallel and torch.compile put before all names is taken off.
    """
    paths = list(paths)
    bare = unwrapped(paths, names)
    given, found = {*bare.values()}, {}
    for path, name in recurrent_names(paths).items():
        owner, _, key = path.rpartition(".")
        apart = _join(owner, f"{key}_l0")
        found[apart if apart in given and name not in given else name] = path
    own = {name: found.get(short, short) for name, short in bare.items()}
    return {name: path for name, path in own.items() if path != name}


def unwrapped(paths: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """Names without ``module.`` and ``_orig_mod.``, if all have it, and no path of the model."""
    alike = all(map(WRAPPED.match, names)) and not any(map(WRAPPED.match, paths))
    return {name: WRAPPED.sub("", name, count=1) if alike else name for name in names}


def _levels(paths: list[str]) -> dict[str, tuple[str, int]]:
    """By the path of each recurrent layer, (the first part of its names, its number)."""
    owners = dict.fromkeys(map(_owner, paths))
    recurrent = [
        owner
        for owner in owners
        if {_join(owner, "weight_ih"), _join(owner, "weight_hh")} <= {*paths}
    ]
    found = {}
    for owner in recurrent:
        parent, _, place = owner.rpartition(".")
        inside = [other for other in owners if not parent or other.startswith(f"{parent}.")]
        alone = all(other in recurrent and _owner(other) == parent for other in inside)
        found[owner] = (parent, inside.index(owner)) if place.isdigit() and alone else (owner, 0)
    return found


def _owner(path: str) -> str:
    return path.rpartition(".")[0]


def _join(owner: str, key: str) -> str:
    return f"{owner}.{key}" if owner else key
