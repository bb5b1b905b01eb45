"""Layers that are defined outside this library: the options that they are built from again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import NoReturn

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.frozen import PLAIN
from rnnbp.numerics import Shape, shown

LayerMaker = Callable[..., Layer]
"""A class of layers, or a function that returns one."""
CONFIG = "get_config"
"""The method that returns the options; Keras's has this name."""
FIRST = ("rng", "dtype")
"""Arguments that only first values of parameters depend on, as those that end in ``init``."""
LISTED = 8
"""Arguments that an error lists."""
CURE = "give it a method get_config() that returns the arguments, or keep each as an attribute"


def options_of(place: str, layer: Layer) -> dict[str, object]:
    """The arguments that build a layer again: what ``get_config()`` returns, or its attributes.

    Raises ValueError, which begins with ``place``, where they do not build the same layer.
    """
    config = getattr(layer, CONFIG, None)
    options = config() if callable(config) else _attributes(place, layer)
    if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
        _refuse(place, f"get_config() returned {shown(options)}; let it return a dict of arguments")
    options = dict(options)
    _check_rebuilt(place, layer, options)
    return options


def _attributes(place: str, layer: Layer) -> dict[str, object]:
    """The arguments of the constructor that are attributes, by name."""
    found = dict[str, object]()
    signature = inspect.signature(type(layer).__init__)
    for name, argument in list(signature.parameters.items())[1:]:
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            _refuse(place, f"its constructor takes {argument}; {CURE}")
        if hasattr(layer, name):
            found |= {name: getattr(layer, name)} if name != "name" or layer.name else {}
        elif argument.default is argument.empty or not (name in FIRST or name.endswith("init")):
            _refuse(place, f"its argument {name!r} is no attribute of it; {CURE}")
    return found


def _check_rebuilt(place: str, layer: Layer, options: Mapping[str, object]) -> None:
    """Raise ValueError unless the options build a layer of the same attributes and parameters."""
    cls, shapes = type(layer), {key: array.shape for key, array in layer.params.items()}
    other = made_anew(f"{place} cannot be saved: {cls.__name__}", cls, options, shapes, CURE)
    there = vars(other)
    for name, value in vars(layer).items():
        if isinstance(value, (*PLAIN, np.ndarray)) and not _same(value, there.get(name)):
            _refuse(
                place,
                f"its attribute {name!r} is {shown(value)}, and {shown(there.get(name))} in one "
                f"that is built anew by {cls.__name__}({_listed(options)}); {CURE}",
            )


def made_anew(
    place: str,
    make: LayerMaker,
    options: Mapping[str, object],
    shapes: Mapping[str, Shape],
    cure: str = "let it take the options of the class that was saved",
) -> Layer:
    """The layer that options build, with parameters of these shapes. Raises ValueError, TypeError,
    which begin with ``place``, for anything else."""
    call = f"{place} was called with ({_listed(options)})"
    try:
        layer = make(**options)
    except Exception as error:  # whatever the user's code raises
        said = f"{type(error).__name__}: {error}"
        raise ValueError(f"{call}, and raised {said}; {cure}") from error
    if not isinstance(layer, Layer):
        raise TypeError(f"{call}, and returned {shown(layer)}; let it return a rnnbp.Layer")
    found = {key: array.shape for key, array in layer.params.items()}
    if found != dict(shapes):
        raise ValueError(
            f"{call}, and returned a layer of the parameters {shown(found)}, where the one that "
            f"was saved has {shown(dict(shapes))}; let the options say all that these depend on"
        )
    return layer


def _same(a: object, b: object) -> bool:
    """True for equal values of one type; of arrays, for the same bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, dict) and isinstance(b, dict):
        return _same(tuple(a.items()), tuple(b.items()))
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or a == b or repr(a) == repr(b)


def _listed(options: Mapping[str, object]) -> str:
    """Arguments as they are written in a call."""
    first = [f"{name}={shown(value)}" for name, value in list(options.items())[:LISTED]]
    return ", ".join([*first, *["..."] * (len(options) > LISTED)])


def _refuse(place: str, reason: str) -> NoReturn:
    raise ValueError(f"{place} cannot be saved: {reason}")
