"""Whether parameters are still those that an optimiser was built with."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rnnbp.numerics import Array, ShapeError
from rnnbp.optim.parameters import Params
from rnnbp.parameters import HasParams, Parameters
from rnnbp.support.pickled import all_once


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

    def __getstate__(self) -> tuple[dict[str, object], list[str]]:
        same = [name for name, p in self.held.items() if self.arrays.get(name) is p]
        return vars(self) | {"held": all_once(self.held)}, same

    def __setstate__(self, state: tuple[dict[str, object], list[str]]) -> None:
        vars(self).update(state[0])
        if isinstance(self.arrays, dict):  # the user's, whose arrays joblib's pickler writes again
            self.arrays.update((name, self.held[name]) for name in state[1])

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
                raise ShapeError(
                    f"{self.place}: parameter {name!r} must have shape {p.shape}, found "
                    f"{found.shape}: it is a different array since the optimiser was built; {_CURE}"
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
