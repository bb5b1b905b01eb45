"""Layers of a model that differ from those whose weights are given, by gates, sizes and biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from rnnbp.numerics import Shape, escaped
from rnnbp.train.torch_modules import Level, code, difference, modules
from rnnbp.train.torch_names import from_torch, recurrent_names

Shapes: TypeAlias = Mapping[str, Shape]
WEIGHTS = ("weight", "weight_ih", "weight_hh")
MOST = 3
"""Layers that an error builds."""
BIASES = ("bias", "bias_ih", "bias_hh")


def by_layer(model: Shapes, file: Shapes) -> tuple[str, str]:
    """How layers differ; if none does, how those are built that the model does not have."""
    renamed = from_torch(model, file)
    mapped = {renamed.get(name, name): shape for name, shape in file.items()}
    names = recurrent_names(model)
    theirs, own = (
        modules({names.get(name, name): shape for name, shape in shapes.items()})
        for shapes in (mapped, model)
    )
    found = "; ".join([*_differing(theirs, own)[:MOST], *biases(model, mapped)])
    if found and renamed:
        found = f"give rename='torch', and: {found}"
    return found, "" if found else _elsewhere(theirs, own, mapped)


def _differing(theirs: Mapping[str, list[Level]], own: Mapping[str, list[Level]]) -> list[str]:
    return [
        f"{_label(path)} {said}; build it as {code(path, levels)}"
        for path, levels in theirs.items()
        if path in own and (said := difference(levels, own[path]))
    ]


def _elsewhere(
    theirs: Mapping[str, list[Level]], own: Mapping[str, list[Level]], file: Shapes
) -> str:
    """Layers that the model does not have under their paths, unless a dict of names suffices."""
    free = [levels for path, levels in own.items() if path not in theirs]
    found = [
        path
        for path, levels in theirs.items()
        if path not in own and ("." in path or len(levels) > 1 or levels not in free)
    ]
    built = [
        f"{_label(path)} as {code(path, theirs[path])}{_holding(path, file)}"
        for path in found[:MOST]
    ]
    return f"for rename='torch' build {', '.join(built)}" if built else ""


def _holding(path: str, file: Shapes) -> str:
    """That the Sequential around it is for other layers too, if there are some."""
    around = path.rpartition(".")[0]
    more = [name for name in file if name.startswith(f"{around}.")] if around else []
    alone = all(name.startswith(f"{path}.") for name in more)
    return "" if alone else f", where the Sequential {_label(around)} has its other layers too"


def _label(path: str) -> str:
    return repr(escaped(path, 80)) if path else "the layer"


def biases(model: Shapes, file: Shapes) -> list[str]:
    """That layers are to be built with biases, or without, where these are what is missing."""
    found = []
    for having, lacking, said in (
        (model, file, "come without biases: build it with bias=False"),
        (file, model, "come with biases: build it with bias=True"),
    ):
        free = {shape for name, shape in lacking.items() if name not in having}
        named = [
            owner
            for owner in dict.fromkeys(name.rpartition(".")[0] for name in having)
            if (weights := _of(owner, having, WEIGHTS)) and weights == _of(owner, lacking, WEIGHTS)
            if (own := _of(owner, having, BIASES)) and not _of(owner, lacking, BIASES)
            if free.isdisjoint(own)  # or they have other names
        ]
        labels = [*map(_label, named[:MOST]), *["..."] * (len(named) > MOST)]
        found += [f"the weights of {', '.join(labels)} {said}"] * bool(named)
    return found


def _of(owner: str, shapes: Shapes, keys: tuple[str, ...]) -> list[Shape]:
    """The shapes of a layer's parameters of these names; weights with two axes or more alone."""
    dot = f"{owner}." * bool(owner)
    found = [shapes[f"{dot}{key}"] for key in keys if f"{dot}{key}" in shapes]
    return [shape for shape in found if len(shape) > 1 or keys is BIASES]
