"""Gradients of losses alone, by their outputs; the loss of a model that is checked without one."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.gradcheck.derivatives import Case, Look, compare
from rnnbp.gradcheck.result import GradientCheck
from rnnbp.graph.network import Network
from rnnbp.inputs.given import SeriesLike, TargetLike
from rnnbp.inputs.problem import Problem
from rnnbp.layers.base import Layer
from rnnbp.losses import Loss
from rnnbp.losses.outputs import Scalar
from rnnbp.losses.own import Own
from rnnbp.numerics import Array


def is_loss(function: object) -> bool:
    """True if it is a Loss, or a function that is not a model."""
    return isinstance(function, Loss) or (
        callable(function) and not isinstance(function, Layer | Network | type)
    )


def check_loss(
    loss: Loss, y: SeriesLike, target: TargetLike, mask: TargetLike, look: Look
) -> GradientCheck:
    """Check a loss alone; without a chosen method, by the best one that its function allows."""
    real = replace(look, method="central")
    exact = replace(look, method=look.method or "complex")
    if look.method is None and (isinstance(loss, Own) or not loss.ours):
        expected = _case(loss, y, target, mask, real)  # raises what is wrong with arguments
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return compare(_case(loss, y, target, mask, exact), exact)
        except Exception:  # whatever a function raises for complex numbers, or warns of
            return compare(expected, real)
    return compare(_case(loss, y, target, mask, exact), exact)


def _case(loss: Loss, y: SeriesLike, target: TargetLike, mask: TargetLike, look: Look) -> Case:
    y = plain("check_grads: x, the outputs", y).astype(np.float64)
    work = y.astype(look.dtype)
    cure = f"check the dy of {loss}"
    return Case(
        {"y": loss(y, target, mask)[1]}, {"y": work}, lambda: loss(work, target, mask)[0], cure
    )


def weighted_sum(y: Array, weights: Array) -> tuple[Scalar, Array]:
    """The loss of a model that is checked without one; ``random_weights`` are its target."""
    return (weights * y).sum(), weights


def random_weights(problem: Problem, seed: int) -> Array:
    """A weight for each output."""
    shape = problem.steps, problem.batch, *problem.output_shape
    return np.random.default_rng(seed).uniform(-1, 1, shape)
