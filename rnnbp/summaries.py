"""What ``model.summary()`` returns: a row for each layer, printed as a table."""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.numerics import Shape
from rnnbp.support import html
from rnnbp.support.columns import aligned
from rnnbp.support.printing import printable
from rnnbp.support.reprs import bytes_text, counted

LONGEST = 44
"""Characters of a layer in the table."""
SCREEN = 30
"""Layers that a repr shows at most."""


@dataclass(frozen=True)
class LayerRow:
    """A layer of a model; one that is used twice has two rows, and its parameters in the first."""

    name: str
    """What its parameters' names begin with, else its position."""
    layer: str
    """Its repr."""
    outputs: tuple[Shape | None, ...]
    """The feature shape of each output, without T and B; None where it is not known."""
    parameters: int
    """Numbers in its parameters that no earlier row has."""
    kept_bytes: int | None = None
    """Bytes kept for backward of all steps; None if not known, or without steps and batch."""
    flops: int | None = None
    """Floating-point operations forward, of all steps and sequences; None as there."""
    per: str = "step"
    """How often the output changes: with each "step", "sequence" or "run"."""
    pers: tuple[str, ...] = ()
    """The same of each output; () where all are as ``per`` says."""
    axis: str = ""
    """The name of the time axis of the output, if it has one."""

    @property
    def output_shape(self) -> Shape | None:
        """The feature shape of the output, the first of several."""
        return self.outputs[0]


@dataclass(frozen=True)
class Summary:
    """The layers of a model with their shapes and parameters.

    With ``steps`` and ``batch`` their bytes and FLOPs too. ``print`` shows it as a table. A
    multiplication, an addition, a tanh and the like are one FLOP each, as in ``rnnbp.explain``;
    ``uncounted`` are the layers that run as Python, which the sum leaves out.
    """

    model: str
    rows: tuple[LayerRow, ...]
    dtype: str
    parameter_bytes: int
    steps: int | dict[str, int] | None = None
    """T; of several time axes by axis."""
    batch: int | None = None
    kept_bytes: int | None = None
    """Bytes kept for backward if all is cached; None where a layer does not declare it."""
    flops: int | None = None
    """Floating-point operations forward."""
    uncounted: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Numbers in all parameters, each once."""
        return sum(row.parameters for row in self.rows)

    @printable
    def __str__(self) -> str:
        return self._text(len(self.rows))

    @printable
    def __repr__(self) -> str:
        """As ``print`` shows it, but of very many layers the first alone."""
        return self._text(len(self.rows) if len(self.rows) <= SCREEN else SCREEN - 1)

    @html.safe
    def _repr_html_(self) -> str:
        """What a notebook shows: the same as a table."""
        cells = map(self._cells, self.rows)
        table = html.table(self._header, cells, len(self.rows), words=3)
        totals = [line for line in self._totals() if line]
        return html.shown(self, f"{self._model}, {self._size}", {}, table, *map(html.words, totals))

    @property
    def _asked(self) -> bool:
        """True if there are costs."""
        return any(row.flops is not None or row.kept_bytes is not None for row in self.rows)

    @property
    def _header(self) -> list[str]:
        costs = ["kept", "FLOPs"] if self._asked else []
        return ["name", "layer", "output", "parameters", *costs]

    @property
    def _model(self) -> str:
        """The model, cut where it is a cell of one's own with all its layers."""
        return _cut(self.model)

    @property
    def _size(self) -> str:
        held = f"{bytes_text(self.parameter_bytes)} of {self.dtype}"
        return f"{counted(self.parameters, 'parameter')}, {held}"

    def _text(self, most: int) -> str:
        """The table with as many layers."""
        header = self._header
        table = aligned([header, *map(self._cells, self.rows[:most])], range(3, len(header)))
        if most < len(self.rows):
            table.append(f"{len(self.rows) - most:,} more; print(summary) shows them")
        return "\n".join([f"{self._model}: {self._size}", "", *table, *self._totals()])

    def _cells(self, row: LayerRow) -> list[str]:
        layer = _cut(row.layer)
        costs = [
            "?" if row.kept_bytes is None else bytes_text(row.kept_bytes),
            _flops_text(row.flops),
        ]
        pers = row.pers or (row.per,) * len(row.outputs)
        pairs = zip(row.outputs, pers, strict=True)
        outputs = ", ".join(self._shape(shape, per, row.axis) for shape, per in pairs)
        return [row.name, layer, outputs, f"{row.parameters:,}", *(costs if self._asked else [])]

    def _shape(self, shape: Shape | None, per: str, axis: str) -> str:
        time = axis if axis not in ("", "time") else "T"
        if self.steps is not None:
            time = str(self.steps[axis] if isinstance(self.steps, dict) else self.steps)
        axes = [time, "B" if self.batch is None else str(self.batch)]
        axes = axes[{"step": 0, "sequence": 1, "run": 2}[per] :]
        listed = ", ".join([*axes, *(["..."] if shape is None else map(str, shape))])
        return f"({listed}{',' * (listed.count(',') == 0 and listed != '')})"

    def _totals(self) -> list[str]:
        if self.steps is None or self.batch is None:
            return []
        given = self.steps if isinstance(self.steps, dict) else {"": self.steps}
        steps = [counted(n, "step") + f" of {axis!r}" * bool(axis) for axis, n in given.items()]
        of = f"of {', '.join(steps)} and {counted(self.batch, 'sequence')}"
        kept = "not known, because a layer does not declare it"
        if self.kept_bytes is not None:
            kept = f"{bytes_text(self.kept_bytes)} with all cached"
        others = f", without {', '.join(self.uncounted)}" if self.uncounted else ""
        return [
            "",
            f"kept for backward {of}: {kept}",
            f"forward: {_flops_text(self.flops)}FLOPs{others}",
        ]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _flops_text(n: int | None) -> str:
    """FLOPs in three digits."""
    if n is None:
        return "?"
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n} "
