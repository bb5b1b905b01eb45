"""Parameters by name, the checks that their gradients pass before anything is changed, and weight
decay.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from rnnbp import machine
from rnnbp.checks.arrays import plain
from rnnbp.machine import arrays as compiled
from rnnbp.numerics import Array, Dtype, DtypeError, ShapeError, first_bad, shown
from rnnbp.parameters import READ_ONLY_CURE, HasParams, Parameters
from rnnbp.support.ieee import within

Params: TypeAlias = Mapping[str, Array] | HasParams


def distinct(place: str, params: Params) -> dict[str, Array]:
    """The live arrays by name. An array under two names, a tied parameter, keeps the first alone.

    Raises TypeError unless all are arrays, DtypeError for one that is not float32 or float64,
    ValueError if there is no array.
    """
    named = params if isinstance(params, Mapping) else getattr(params, "params", None)
    if not isinstance(named, Mapping):
        cure = ""
        if isinstance(params, (list, tuple)):
            example = '{"*bias*": {"weight_decay": 0.0}}'
            cure = f"; groups are given by patterns of names: {place}(model, groups={example})"
        raise TypeError(
            f"{place}: params must be a dict of arrays or a model, found "
            f"{type(params).__name__}{cure}"
        )
    seen: set[int] = set()
    found: dict[str, Array] = {}
    for name, p in named.items():
        if not isinstance(p, np.ndarray):
            raise TypeError(
                f"{place}: parameter {name!r} must be an array to update in place, found "
                f"{type(p).__name__}"
            )
        if p.dtype not in (np.float32, np.float64):
            raise DtypeError(
                f"{place}: parameter {name!r} must be float32 or float64, found dtype {p.dtype}; "
                "convert it"
            )
        if id(p) not in seen:
            found[name] = p
            seen.add(id(p))
    if not found:
        raise ValueError(f"{place}: there is no parameter to update; give a model that has some")
    return found


class Origin:
    """The dict or model that an optimiser's parameters come from, to notice those that were
    replaced, tied, untied or added since.

    Args:
        place: for errors.
        params: as ``distinct`` takes them; for a model, or its ``params``, all are compared, for a
            different dict only those that are ``held``.
        held: the optimiser's parameters.
        frozen: the names of the model's other parameters.
    """

    def __init__(
        self, place: str, params: Params, held: Mapping[str, Array], frozen: Collection[str] = ()
    ) -> None:
        self.place, self.held, self.frozen = place, held, frozenset(frozen)
        source = params.network if isinstance(params, Parameters) else params
        # found out once: isinstance of a protocol takes long, and every step looks
        self.model = source if isinstance(source, HasParams) else None
        self.arrays = {} if isinstance(source, HasParams) else source

    def check(self, model: HasParams | None = None) -> None:
        """Raise ValueError, naming the parameter, if the arrays are no longer those that are held;
        ShapeError, a subclass, for a different shape.

        Args:
            model: whose parameters they must also be.
        """
        now = self.arrays if self.model is None else self.model.params
        self._compare(now)
        if model is not None and model is not self.model:
            self._compare(model.params)
        if self.model is not None:
            self._find_new(now)

    def _compare(self, now: Mapping[str, Array]) -> None:
        for name, p in self.held.items():
            if (found := now.get(name)) is p:
                continue
            if found is not None and found.shape != p.shape:
                must = f"{self.place}: parameter {name!r} must have shape {p.shape}, found {found.shape}"
                raise ShapeError(
                    f"{must}: it is a different array since the optimiser was built; {_CURE}"
                )
            what = (
                "is a different array"
                if name in now
                else "is no longer there, or tied to a different one"
            )
            raise ValueError(
                f"{self.place}: parameter {name!r} {what} since the optimiser was built; {_CURE}"
            )

    def _find_new(self, now: Mapping[str, Array]) -> None:
        if len(now) > len(self.held) + len(self.frozen):
            known = {id(p) for p in self.held.values()}  # of a tied parameter the first name counts
            for name in (
                name for name, p in now.items() if id(p) not in known and name not in self.frozen
            ):
                raise ValueError(
                    f"{self.place}: parameter {name!r} is new since the optimiser was built; "
                    f"{_CURE}"
                )


_CURE = (
    "write into a parameter, params[name][...] = values, or build the optimiser after the change"
)


def check_writable(place: str, params: Mapping[str, Array]) -> None:
    """Raise ValueError for a parameter that cannot be updated in place."""
    for name, p in params.items():
        if not p.flags.writeable:
            raise ValueError(f"{place}: parameter {name!r} is read-only; {READ_ONLY_CURE}")


def check_grads(
    place: str,
    params: Mapping[str, Array],
    grads: Mapping[str, Array],
    frozen: Collection[str] = (),
) -> dict[str, float]:
    """The largest |element| of each gradient. Raises unless there is a finite one of each
    parameter's shape, no other.

    As ``check_fit`` does, and FloatingPointError for NaN and infinity.
    """
    check_fit(place, params, grads, frozen)
    found = dict(zip(params, extents([grads[name] for name in params]), strict=True))
    for name, extent in found.items():
        if math.isnan(extent.largest):
            bad = first_bad(grads[name])
            raise FloatingPointError(
                f"{place}: the gradient of {name!r} has {grads[name][bad]} at {list(bad or ())}; "
                f"lower the learning rate, clip gradients, or find the overflow before it"
            )
    return {name: extent.largest for name, extent in found.items()}


def check_fit(
    place: str,
    params: Mapping[str, Array],
    grads: Mapping[str, Array],
    frozen: Collection[str] = (),
) -> None:
    """Raise unless there is one gradient of each parameter's shape, and no other but of ``frozen``
    names.

    Raises TypeError unless it is a dict of arrays, ValueError for names, ShapeError, DtypeError.
    """
    check_named(place, grads)
    if missing := [name for name in params if name not in grads]:
        raise ValueError(
            f"{place}: the gradient of {', '.join(map(repr, missing))} is missing; give one for "
            "each parameter"
        )
    if unexpected := [name for name in grads if name not in params and name not in frozen]:
        raise ValueError(
            f"{place}: no parameter is called {', '.join(map(repr, unexpected))}; the optimised "
            f"ones are {', '.join(map(repr, params))} (of a tied parameter, its first name); to "
            "leave some as they are, build the optimiser with the model and frozen=, patterns of "
            "their names"
        )
    for name, p in params.items():
        g = grads[name]
        if g.shape != p.shape:
            raise ShapeError(
                f"{place}: the gradient of {name!r} must have shape {p.shape}, found {g.shape}"
            )
        if g.dtype.kind != "f":
            raise DtypeError(
                f"{place}: the gradient of {name!r} must be floats, found dtype {g.dtype}; convert "
                "it"
            )


def check_named(place: str, grads: object) -> None:
    """Raise TypeError unless ``grads`` is a dict of arrays."""
    if not isinstance(grads, Mapping):
        cure = (
            "pass its .grads"
            if isinstance(getattr(grads, "grads", None), Mapping)
            else "as bptt(...).grads"
        )
        raise TypeError(
            f"{place}: gradients are a dict of arrays by name, found {type(grads).__name__}; {cure}"
        )
    for name, g in grads.items():
        if type(g) is np.ndarray:
            continue
        plain(f"{place}: the gradient of {name!r}", g)
        if not isinstance(g, (np.ndarray, np.generic)):
            raise TypeError(
                f"{place}: the gradient of {name!r} must be an array, found {shown(g)}; use "
                "np.asarray"
            )


class Extent(NamedTuple):
    """Of an array: max |x|, NaN where an element is not finite; and Σ x² in float64, where that
    came with it.
    """

    largest: float
    squares: float | None


def extents(arrays: Sequence[Array]) -> list[Extent]:
    """In one pass where there is machine code; allocates nothing of their size where all
    is finite.
    """
    found: dict[int, Extent] = {}
    if machine.chosen():
        if (
            arrays and isinstance(arrays[0], np.ndarray) and compiled.takes(*arrays)
        ):  # mostly, and sooner done
            return [_measured(*each) for each in compiled.extents(arrays)]
        taken: dict[Dtype, list[int]] = {}
        for k, a in enumerate(arrays):
            if isinstance(a, np.ndarray) and compiled.takes(a):
                taken.setdefault(a.dtype, []).append(k)
        for those in taken.values():
            measured = compiled.extents([arrays[k] for k in those])
            found |= {k: _measured(*each) for k, each in zip(those, measured, strict=True)}
    return [found[k] if k in found else _extent(a) for k, a in enumerate(arrays)]


def _measured(largest: float, squares: float) -> Extent:
    return Extent(
        math.nan if largest == math.inf or squares != squares else largest, squares
    )  # NaN is not itself


def _extent(g: Array) -> Extent:
    total = within(np.errstate(over="ignore", invalid="ignore"), g.sum)
    if not np.isfinite(total) and first_bad(g) is not None:
        return Extent(np.nan, None)
    return Extent(float(max(g.max(), -g.min())) if g.size else 0.0, None)


def decayed(p: Array, g: Array, weight_decay: float, out: Array) -> Array:
    """g + λp, the gradient with an L2 penalty ½λ‖p‖², in ``out``; g itself for λ = 0."""
    if not weight_decay:
        return g
    np.multiply(p, weight_decay, out=out)
    out += g
    return out
