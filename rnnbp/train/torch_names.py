"""PyTorch's names for the weights of recurrent layers: ``lstm.weight_ih_l0``."""

from __future__ import annotations

from collections.abc import Collection, Iterable

NUMBERED = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
"""Parameters of a layer that PyTorch numbers."""


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
    levels = _levels(paths)
    return {
        path: _numbered(path, *levels[owner]) if (owner := _owner(path)) in levels else path
        for path in paths
    }


def from_torch(paths: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """By name in a file of PyTorch, the path of a parameter, for those whose names differ.

    Recurrent layers that are separate in PyTorch, ``lstms.0.weight_ih_l0``, are recognised too.
    """
    found = {}
    for path, name in torch_names(paths).items():
        apart = _numbered(path, _owner(path), 0)
        if name != path:
            found[apart if apart in names and name not in names else name] = path
    return {name: path for name, path in found.items() if name in names}


def has_no_counterpart(paths: Iterable[str]) -> bool:
    """True if a GRU with ``reset_after=False`` is among them."""
    return any(path.rpartition(".")[2] == "weight_hm" for path in paths)


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


def _numbered(path: str, owner: str, number: int) -> str:
    key = path.rpartition(".")[2]
    return _join(owner, f"{key}_l{number}") if key in NUMBERED else path


def _owner(path: str) -> str:
    return path.rpartition(".")[0]


def _join(owner: str, key: str) -> str:
    return f"{owner}.{key}" if owner else key
