"""What builds layers that are defined outside this library, by the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, escaped, shown
from rnnbp.saving.own_layers import LayerMaker
from rnnbp.support.nearest import hint


def checked_makers(layers: object) -> dict[str, LayerMaker]:
    """``layers`` of ``load``. Raises TypeError unless it maps names to what builds layers."""
    given = {} if layers is None else layers
    if not isinstance(given, Mapping):
        raise TypeError(
            f"load: layers maps the names of your own layers to their classes, as layers={{'Gain': "
            f"Gain}}, found {shown(layers)}"
        )
    for name, make in given.items():
        if not isinstance(name, str) or not callable(make) or isinstance(make, Layer):
            raise TypeError(
                f"load: layers has {shown(name)}: {shown(make)}; give the class, or a function of "
                "the options that returns a layer"
            )
    return dict(given)


def check_known(path: object, names: list[str], layers: Mapping[str, LayerMaker]) -> None:
    """Raise ValueError for layers of the user's own that ``layers`` does not have."""
    lacking = [name for name in dict.fromkeys(names) if name not in layers]
    if not lacking:
        return
    near = hint(lacking[0], tuple(layers)) if layers else ""
    missing = [escaped(name, 80) for name in lacking[:5]]
    classes = ", ".join(f"{name!r}: {name}" for name in missing)
    raise ValueError(
        f"{path} has layers that are not rnnbp's: {', '.join(missing)}{near}; give their classes, "
        f"as load(path, layers={{{classes}}})"
    )


def fill(layer: Layer, paths: Mapping[str, str], arrays: dict[str, Array], used: set[str]) -> None:
    """Give a layer the parameters of a file.

    They are written into its own arrays, which take their place in ``arrays``: parts of the layer
    may hold them. One that a part before it has, in ``used``, is tied to that.

    Args:
        layer: a layer that was built anew.
        paths: the path of each parameter, by its key.
        arrays: those of the file, by path.
        used: the paths that parts have; this layer's are added.
    """
    for key, path in paths.items():
        mine, array = layer.params[key], arrays[path]
        if path not in used and mine.dtype == array.dtype and mine.flags.writeable:
            mine[...] = array
            arrays[path] = mine
        else:
            layer.params[key] = array
        used.add(path)
