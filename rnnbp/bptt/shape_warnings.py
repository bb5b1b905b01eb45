"""Warnings of an x whose steps are likely to be sequences, from what a model was trained on."""

from __future__ import annotations

import warnings

from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.values import Block
from rnnbp.inputs.problem import Problem
from rnnbp.numerics import Shape
from rnnbp.support.callers import outside
from rnnbp.support.prepared import Remembered

MANY, TIMES = 32, 2
"""Sequences of one step that are likely to be steps of one: at least these, and this many times the
steps and sequences of training."""
LEAST = 5
"""Steps of sequences below which another x may well have as many sequences."""

_runs: Remembered[Block | Network, tuple[int, int]] = Remembered(lambda model: (0, 0))
"""T and B of the last run of ``bptt``, of models with time."""
_sequences: Remembered[Block | Network, int] = Remembered(lambda model: 0)
"""T of the batch-first sequences that a model was fitted to."""


def note_problem(problem: Problem, state: object) -> None:
    """Warn of steps that are likely to be sequences, then take note of a run of ``bptt``.

    Args:
        state: the initial state that was passed, None for the model's own.
    """
    if problem.state and problem.known:
        warn_if_one_step(problem.model, (problem.steps, *problem.x.shape), state)
        note_run(problem.model, problem.steps, problem.batch)


def note_run(model: Network, steps: int, batch: int) -> None:
    """Take note of a run of ``bptt`` over a model with time."""
    if steps > 1:
        _runs.put(_key(model), (steps, batch))


def note_sequences(model: Network, steps: int) -> None:
    """Take note that a model is fitted to batch-first sequences of this length."""
    _sequences.put(_key(model), steps)


def warn_if_one_step(model: Network, shape: Shape, state: object) -> None:
    """Warn of an x of one step with far more sequences than in training, and without a state.

    One step of a stream has a state, but for the first, which has no more sequences than those that
    follow.
    """
    if state is not None or len(shape) < 2 or shape[0] != 1 or shape[1] < MANY:
        return
    known = _runs.get(_key(model))
    if known is not None and shape[1] >= TIMES * max(known):
        _warn(
            f"x has shape {shape}, which is one step of {shape[1]:,} sequences, and the model was "
            f"trained on {known[0]:,} steps: the axes are (T, B, ...); for one sequence give "
            f"x.swapaxes(0, 1), or x[:, None] where you wrote x[None]"
        )


def warn_if_batch_first(model: Network, shape: Shape, state: object) -> None:
    """Warn of an x with as many sequences as the batch-first ones of training had steps."""
    steps = _sequences.get(_key(model))
    if steps is None or state is not None or len(shape) < 2 or steps < LEAST:
        return
    if shape[1] == steps != shape[0]:
        _warn(
            f"x has shape {shape}, taken as {shape[0]:,} steps of {steps:,} sequences, and the "
            f"model was trained on sequences of {steps:,} steps, batch-first: if x is batch-first "
            f"too, give x.swapaxes(0, 1), or Sequences(x, target, batch_size=32) in its place"
        )


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=outside())


def _key(model: Network) -> Block | Network:
    """A network of one block is that block: the graph of it is made anew for each run."""
    return model.nodes[0].block if isinstance(model, Graph) and len(model.nodes) == 1 else model
