"""What a run gives back: gradients, states, statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rnnbp.inputs.given import InputsOf
from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.schedules.cost_text import cost_text
from rnnbp.schedules.simulation import Simulation
from rnnbp.support import html, reprs
from rnnbp.wording.instead import COST, GRADIENTS, Instead

MOST = 20
"""Names that a repr looks at."""


@dataclass(frozen=True)
class Stats(Simulation):
    """The cost of a run, counted while it ran; ``stats`` of its result.

    Attributes:
        chunks, counts: chunks of the sequence, and actions by name.
        peak_slots, peak_tapes, peak_thin_tapes, peak_slots_by_tier: the most that was held at once.
        steps_run, steps_rerun, chunks_rebuilt, steps_rebuilt: forward steps in all, those beyond
            the first time, and what was rebuilt from thin tapes.
        writes, reads: checkpoints stored and loaded, by tier.
        peak_bytes, peak_bytes_by_kind: bytes of arrays at the peak.
        object_bytes: bytes of Python's objects.
        seconds: of the run.
        output_bytes: bytes of y, if it is returned.
        rounding: what is not exact, as "bfloat16 products, 16-bit tapes"; "" where all is.
    """

    peak_bytes: int
    """The most bytes held at once by tapes, checkpoints, workspaces and gradients."""
    peak_bytes_by_kind: dict[str, int]
    """The bytes of each kind at that moment."""
    object_bytes: int
    """About what Python's own objects around these arrays took at most."""
    seconds: float
    """Wall-clock time of all actions."""
    output_bytes: int = 0
    """Of y, then dy, of all steps, which a ``WholeSequence`` loss holds under any schedule."""
    rounding: str = ""
    """What is not exact, in words."""

    _instead = COST
    __repr__ = cost_text


@dataclass(frozen=True)
class Gradients(Instead):
    """The result of ``bptt``.

    Attributes:
        loss: the loss over the whole sequence, penalties included.
        grads: gradients by parameter path.
        dx: the gradient by x, of its shape; None for integer x. Of a model of several inputs a
            tuple or a dict of one for each, as x was passed; by a static input (B, ...) it is the
            sum over the steps.
        dstate: the gradient by the initial state, for each Recurrent a tuple of arrays (B, ...).
        state: the state after the last step, in the same form.
        stats: what the run took.
        lost: the sequences whose x was unusable at its end, as NaN under a mask: their state is
            that of zeros instead.
        y: the outputs (T, B, ...) that the loss was computed from, with ``return_y``, else None; of a
            network of several a tuple, or a dict by their names.
        penalties: the part of each ``Penalty`` in the loss, by its name; empty without any.
        losses: the loss of each output of a network of several, by its name, or its number, without
            its weight.

    >>> import numpy as np, rnnbp as rb
    >>> x, target = np.zeros((7, 2, 3), "float32"), np.zeros((7, 2, 4), "float32")
    >>> result = rb.bptt(rb.LSTM(3, 4), x, target, rb.losses.MeanSquaredError())
    >>> sorted(result.grads), result.dx.shape
    (['bias_hh', 'bias_ih', 'weight_hh', 'weight_ih'], (7, 2, 3))
    """

    _instead = GRADIENTS
    loss: float
    grads: dict[str, Array]
    dx: InputsOf
    dstate: States
    state: States
    stats: Stats
    lost: tuple[int, ...] = ()
    y: InputsOf = None
    penalties: dict[str, float] = field(default_factory=dict)
    losses: dict[str | int, float] = field(default_factory=dict)

    @reprs.safe
    def __repr__(self) -> str:
        what, rows = self._shown()
        return reprs.titled(self, what, **rows)

    @html.safe
    def _repr_html_(self) -> str:
        """What a notebook shows: the rows of the repr, and a table of gradients."""
        what, rows = self._shown()
        return html.shown(self, what, rows | {"grads": ""}, gradients_table(self.grads))

    def _shown(self) -> tuple[str, dict[str, str]]:
        """What it is, and rows by name."""
        grads = [f"{name} {tuple(g.shape)}" for name, g in list(self.grads.items())[:MOST]]
        held = sum(g.nbytes for g in self.grads.values())
        of = (
            ""
            if not self.grads
            else f"; {reprs.bytes_text(held)} of {next(iter(self.grads.values())).dtype}"
        )
        penalties = [f"{name} {reprs.number(v)}" for name, v in [*self.penalties.items()][:MOST]]
        states = [f"{tuple(a.shape)}" for arrays in self.state[:MOST] for a in arrays]
        peak = reprs.bytes_text(self.stats.peak_bytes)
        rerun = f", {self.stats.steps_rerun:,} of {self.stats.steps_run:,} steps run again"
        lost = f"the states of sequences {reprs.listed(map(str, self.lost[:MOST]), len(self.lost))}"
        return f"loss {reprs.number(self.loss)}", {
            "penalties": reprs.listed(penalties, len(self.penalties)),
            "grads": reprs.listed(grads, len(self.grads)) + of,
            "dx": _dx_text(self.dx),
            "y": _dx_text(self.y),
            "state": reprs.listed(states, sum(map(len, self.state))),
            "lost": lost if self.lost else "",
            "rounding": self.stats.rounding,
            "stats": f"peak {peak}, {self.stats.seconds:.3g} s{rerun}",
        }


def gradients_table(grads: Mapping[str, Array]) -> str:
    """The first of them as a table of HTML: shapes, dtypes, the largest magnitude of each."""
    rows = (
        (name, str(tuple(g.shape)), str(g.dtype), reprs.number(float(np.abs(g).max(initial=0))))
        for name, g in grads.items()
    )
    return html.table(("gradient by", "shape", "dtype", "largest"), rows, len(grads))


def _dx_text(dx: InputsOf) -> str:
    """One gradient by x, or one for each input."""
    if not isinstance(dx, tuple | dict):
        return reprs.array_text(dx)
    named = dx.items() if isinstance(dx, dict) else enumerate(dx)
    found = [f"{name} {'none' if d is None else tuple(d.shape)}" for name, d in named]
    return reprs.listed(found[:MOST], len(found))
