"""The nodes of a model whose outputs are the same at all steps: they run once a run.

Forward they run before the first chunk, from static inputs. Chunks take their values; what chunks
send back is summed over the run, and goes backward once, after the last.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rnnbp.bptt.accumulators import Accumulators, FixedShapes
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.model_split import Parts
from rnnbp.graph.node_calls import backward_node, forward_node, learn, read_off
from rnnbp.graph.node_checks import Values, check_outputs
from rnnbp.graph.value_pers import AXES
from rnnbp.graph.values import PERS, Per
from rnnbp.inputs.problem import Problem
from rnnbp.layers.base import Layer
from rnnbp.layers.penalty import PenaltyFactor
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Nest, Saved, Shape
from rnnbp.rng import Context


class FixedNodes:
    """The values of a problem that are the same at all steps.

    Args:
        problem: with the static inputs.
        parts: of its model.
        shapes: the feature shapes of the model's values, which learn those not declared.
        seed, training: of the run. A layer that draws numbers draws them once for each sequence.
    """

    def __init__(
        self,
        problem: Problem,
        parts: Parts,
        shapes: list[Shape | None],
        *,
        seed: int,
        training: bool,
    ) -> None:
        self.problem, self.parts, self.shapes = problem, parts, shapes
        self._seed, self._training = seed, training
        self.values: dict[int, Array] = {}
        """Those that nodes of chunks take, by number."""
        self.known: Values = [None] * problem.model.n_values
        """All values as a chunk begins with them: None but for ``values``."""
        self._saved: list[Saved] = []
        self.any = bool(parts.fixed or problem.others.static)
        """False for a model that has no such values, as most."""
        self._factors: dict[int, tuple[Array, Per]] = {}
        """Of the means of penalties, by number of their node; and how often what they average
        changes."""
        self.penalties: dict[str, Scalar] = {}
        """By name, after ``backward``."""

    def forward(self, *, keep: bool) -> None:
        """Run the nodes, with weights as they are now.

        Args:
            keep: True to keep what ``backward`` needs.
        """
        values: Values = [None] * self.problem.model.n_values
        for k, array in self.problem.others.static.items():
            values[k] = array
        self._saved, self.values, self.penalties = [], {}, {}
        averaged = {node.number: per for node, per in self.parts.factors}
        context = Context(self._seed, training=self._training, dtype=self.problem.dtype)
        for node in self.parts.fixed:
            saved = self._forward(node, values, context)
            if isinstance(node.block, PenaltyFactor):
                factor, per = values[node.outs[0]], averaged[node.number]
                self._factors[node.number] = factor, per
                self.penalties[node.block.label] = 0.0
                factor[...] = 1 / self._averaged(per) if self.problem.known else 1
            if keep:
                self._saved.append(saved)
            del saved
        for k in self.parts.crossing:
            # Once, and not in each chunk, where kernels would copy what does not lie together.
            lies = self.parts.pers[k] == "run" or values[k].flags.c_contiguous
            self.known[k] = values[k] if lies else np.ascontiguousarray(values[k])
            self.values[k] = self.known[k]

    def average(self) -> bool:
        """Set the factors of means once all steps are known. Returns True if there are any."""
        for factor, per in self._factors.values():
            factor[...] = 1 / self._averaged(per)
        return bool(self._factors)

    def _averaged(self, per: Per) -> int:
        """How many values a mean is of."""
        rows = self.problem.rows
        if rows is not None and per == "step":
            return rows.total
        return math.prod((self.problem.steps, self.problem.batch)[PERS.index(per) :])

    def _forward(self, node: Node, values: Values, context: Context) -> Saved:
        seen = self.spread(node, values)
        saved = forward_node(node, seen, context)
        check_outputs(node, seen, self.problem.dtype, self.shapes)
        learn(node, seen, self.shapes, AXES[self.parts.pers[node.outs[0]]])
        for k in node.outs:
            values[k] = seen[k]
        return saved

    def spread(self, node: Node, values: Values, n: int | None = None) -> Values:
        """The values as a layer reads them, in chunk ``n`` if it runs there."""
        args = self.parts.widened.get(node.number)
        if args is None:
            return values
        seen, lead = list(values), self._lead(n)
        for arg in args:
            seen[arg.value] = arg.spread(values[arg.value], *lead)
        return seen

    def widened(self, node: Node, xs: list[Array], n: int) -> list[Array]:
        """The inputs of a Recurrent in chunk ``n``, as its cell reads them."""
        for arg in self.parts.widened[node.number]:
            xs[arg.position] = arg.spread(xs[arg.position], *self._lead(n))
        return xs

    def _lead(self, n: int | None) -> tuple[int, int]:
        """The steps of a chunk, and the sequences."""
        return 0 if n is None else self.problem.length(n), self.problem.batch

    def collect(self, node: Node, deltas: Deltas, sums: Mapping[int, Array]) -> None:
        """Add the deltas that a layer of a chunk has sent to values that are the same at all steps.

        Args:
            sums: ``fixed`` of the accumulators.
        """
        wide = {arg.value: arg for arg in self.parts.widened.get(node.number, ())}
        for k in sums.keys() & node.args:
            delta, deltas[k] = deltas[k], None
            if delta is not None:
                total = sums[k]
                total += wide[k].summed(delta) if k in wide else delta

    def left(
        self, node: Node, dxs: Sequence[Array | None], sums: Mapping[int, Array]
    ) -> Sequence[Array | None]:
        """The deltas of a Recurrent's inputs, without those that are added to ``sums``."""
        args = self.parts.widened.get(node.number, ())
        found, wide = list(dxs), {arg.position: arg for arg in args}
        for position, k in enumerate(node.args):
            delta = found[position]
            if self.parts.pers[k] == "step" or delta is None:
                continue
            found[position], total = None, sums[k]
            total += wide[position].summed(delta) if position in wide else delta
        return found

    def backward(self, grads: Accumulators) -> dict[int, Array]:
        """Run the nodes backward from the summed deltas.

        Returns the deltas of the static inputs, by number; those that have none are left out.
        """
        deltas: Deltas = [None] * self.problem.model.n_values
        for k, total in grads.fixed.items():
            deltas[k] = None if k in self.parts.direct else total
        for node, saved in zip(reversed(self.parts.fixed), reversed(self._saved), strict=True):
            self._backward(node, saved, deltas, grads)
        self._saved = []
        return {k: delta for k in self.static if (delta := deltas[k]) is not None}

    def _backward(self, node: Node, saved: Saved, deltas: Deltas, grads: Accumulators) -> None:
        # By value, because a node may take one twice.
        args = {arg.value: arg for arg in self.parts.widened.get(node.number, ())}.values()
        before = [deltas[arg.value] for arg in args]
        for arg in args:
            deltas[arg.value] = None
        dy, layer = backward_node(node, saved, deltas, self.shapes), node.block
        for arg, present in zip(args, before, strict=True):
            if (delta := deltas[arg.value]) is not None:
                found = arg.summed(delta)
                deltas[arg.value] = found if present is None else present + found
            else:
                deltas[arg.value] = present
        if dy is not None and isinstance(layer, Layer) and layer.params:
            grads.add(layer.params, read_off(node, saved, dy))
        if dy is not None and isinstance(layer, PenaltyFactor):
            total = dy.sum().item() / self._averaged(self._factors[node.number][1])
            self.penalties[layer.label] += total

    @property
    def static(self) -> list[int]:
        """The static inputs that are floats, and so have deltas."""
        given = self.problem.others.static
        return [k for k, array in given.items() if array.dtype.kind not in "iu"]

    def sums(self) -> FixedShapes:
        """What the deltas of ``values`` are summed in, but for parameters, which have sums."""
        given = {k: v for k, v in self.values.items() if k not in self.parts.direct}
        floats = {k: v for k, v in given.items() if v.dtype.kind not in "iu"}
        return {k: v.shape for k, v in floats.items()}, self.problem.dtype

    def arrays(self) -> Nest:
        """All that it holds."""
        return [*self.problem.others.static.values(), *self.values.values(), *self._saved]
