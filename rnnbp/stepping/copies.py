"""Copies and pickles of a Stepper, which is built anew: machine code stays in its process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from rnnbp.inputs.given import InputsLike, ModelLike
from rnnbp.inputs.states import States
from rnnbp.numerics import Dtype, Shape
from rnnbp.runners.backend import BackendLike

if TYPE_CHECKING:
    from rnnbp.stepping.stepper import Stepper

Arguments: TypeAlias = tuple[ModelLike, int, InputsLike, BackendLike]
Shapes: TypeAlias = tuple[Mapping[int, Shape], Dtype]
"""By number of an input, its feature shape; and the dtype."""


def reduced(stepper: Stepper) -> tuple[Callable[..., Stepper], tuple[object, ...]]:
    """What a Stepper is built from: its arguments, with the static inputs and the state of now."""
    core, model = stepper._core, stepper.model
    shapes = None if core is None else (core.shapes, core.dtype)
    state = stepper._state if core is None else core.copies()
    given: Arguments = model, stepper.batch, _static(stepper), stepper._backend
    return _built, (type(stepper), given, shapes, state)


def _static(stepper: Stepper) -> InputsLike:
    fixed = stepper._fixed
    if not fixed:
        return stepper._static
    found = tuple(fixed[k] for k in stepper._given.numbers)
    return found if len(found) > 1 else found[0]


def _built(
    kind: type[Stepper], given: Arguments, shapes: Shapes | None, state: States | None
) -> Stepper:
    model, batch, static, backend = given
    stepper = kind(model, batch, static=static, backend=backend)
    if shapes is not None and stepper._core is None:
        stepper._build(*shapes)
    if state is not None:
        stepper.state = state
    return stepper
