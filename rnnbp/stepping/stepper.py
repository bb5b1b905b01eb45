"""Stepper: a model run one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.graph.network import check_parameters
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import InputsLike, InputsOf, ModelLike, StateLike
from rnnbp.inputs.pose import dtype_without_parameters
from rnnbp.inputs.states import States, states_of_blocks
from rnnbp.numerics import Array, Dtype, Shape, ShapeError, positive_int
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import backend_for
from rnnbp.stepping.arguments import Inputs, static_values
from rnnbp.stepping.copies import reduced
from rnnbp.stepping.core import Core, core_of
from rnnbp.stepping.rows import checked_rows
from rnnbp.stepping.step_inputs import shape_of, write
from rnnbp.stepping.stepped import stepped
from rnnbp.support.writes import WRITES
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.wording.arguments import Named, takes


@final
class Stepper(Named):
    """A model that runs one step at a time, for streams, control and generation.

    Weights are packed once, arrays are allocated once, and a step is one call of machine code where
    all layers have it: cells, Dense and lookups of few symbols. It computes what ``predict``
    computes from the same steps, in evaluation mode: the same bits with the backend "llvm", and to
    rounding with others, whose products of one step may round otherwise.

    Args:
        model: what ``predict`` takes, of forward Recurrents and layers.
        batch: B, sequences that run side by side.
        static: the values of inputs that are ``per="sequence"``: an array (B, ...), or a tuple or
            a dict by name of several.
        backend: as of ``bptt``.

    Attributes:
        model, batch: as they were passed.

    ``step(x)`` takes the inputs of a step and returns y, **in an array that the next step writes
    into again**: ``y.copy()`` keeps it. ``state`` is the state now, as ``predict`` returns and
    takes it, and can be set.

    Weights are read when it is built, and again when it is next used after the library has written
    into any (an optimiser, ``fit``, ``load_weights``, ``params.update``), by ``reset()`` without
    rows, ``begin`` and ``refresh``. After your own ``params[name][...] = values`` call
    ``refresh()``.

    Copies and pickles go on from the state now, with a model of their own as far as the copy goes.

    Raises ValueError for a model that looks at later steps: ``reverse=True``, ``Bidirectional``,
    ``Last`` and other functions of all steps, final states as values, several time axes. TypeError,
    ShapeError and DtypeError for arguments that do not fit.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 2, rng=1))
    >>> x = np.random.default_rng(0).normal(size=(10, 1, 3)).astype("float32")
    >>> stepper = rb.Stepper(model)
    >>> ys = [stepper.step(x[t]).copy() for t in range(10)]
    >>> y, state = rb.predict(model, x)
    >>> np.allclose(ys, y, atol=1e-6)
    True
    >>> stepper.state = state  # goes on after these steps
    >>> stepper.reset()  # begins anew
    >>> bool(np.abs(stepper.step(x[0]) - y[0]).max() < 1e-6)
    True
    """

    _core: Core | None = None
    """For single steps; None until the shapes of the inputs are known."""
    _block: Core | None = None
    """For several steps at once, of the last number of them."""
    _fixed: Mapping[int, Array] | None = None
    """Static inputs by number, copies, once the dtype is known."""
    _state: States | None = None
    """What was set before there was a core."""
    _dtype: Dtype | None = None
    """Of x where a step is one call of machine code, ``_native``; None where it is not."""
    _shape: Shape = ()
    _native: Callable[[], int]
    _x: Array
    _y: Array

    def __init__(
        self,
        model: ModelLike,
        batch: int = 1,
        *,
        static: InputsLike = None,
        backend: BackendLike = None,
    ) -> None:
        self.model, self.batch = model, positive_int("batch", batch)
        self._found, self._backend, self._static = stepped(model), backend, static
        found, self._writes = self._found.model, WRITES.count
        self._inputs = Inputs(found, self._found.series, "x")
        self._given = Inputs(found, self._found.statics, "static")
        stated = {k: stated_shape(found, k) for k in self._inputs.numbers}
        shapes = {k: shape for k, shape in stated.items() if shape is not None}
        backend_for(found, backend)  # raises if it is none
        if shapes.keys() == stated.keys() and found.dtype is not None:
            self._build(shapes, found.dtype)

    def step(self, x: InputsLike) -> InputsOf:
        """y (B, ...) of one step, in an array that the next step writes into again.

        Args:
            x: (B, ...), or a tuple or dict by name of the inputs that have a value at each step.
        """
        # Nothing but this for most models. An assignment takes half the time of ``copyto``.
        if (
            type(x) is np.ndarray
            and x.dtype is self._dtype
            and x.shape == self._shape
            and WRITES.count == self._writes
        ):
            self._x[...] = x
            if not self._native():
                return self._y
        return self._any_step(x)

    @takes()
    def steps(self, x: InputsLike) -> InputsOf:
        """y (L, B, ...) of L steps x (L, B, ...), in an array that the next call for as many steps
        writes into again: a block of a stream, faster than step by step.
        """
        core = self._ready(x, steps=True)
        first = next(iter(self._inputs.parts(x).values()))
        length = len(as_array("x", first, axes="(L, B, ...)"))
        if length == 0:
            raise ShapeError("x of a step: it has no steps in its first axis; give at least one")
        block = self._block
        if block is None or block.lead[0] != length:
            self._block = block = self._made(length, core.shapes, core.dtype)
        block.enter(core.states)
        self._run(block, x)
        core.enter(block.states)
        # Views, because an array of its own could be resized, and machine code writes into it.
        return self._formed([y[...] for y in block.outputs()])

    @takes()
    def begin(self, static: InputsLike) -> None:
        """Take other static inputs, begin at the initial state, and read the weights."""
        core = self._core
        if core is None:
            self._static, self._state = static, None
            return
        found = static_values(self._given, static, self.batch, core.dtype)
        self._fixed, self._block = found, None
        core.begin(found)
        self._after_reading(core)
        core.enter(core.first_states(self._blocks))

    @takes()
    def reset(self, rows: object = None) -> None:
        """Return to the initial state.

        Args:
            rows: of the batch, as numbers or a mask (B,) of bools; None for all, which also reads
                the weights as they are now.

        Raises IndexError, ShapeError or TypeError for what are no rows.
        """
        core = self._core
        if rows is None:
            self._state = None
            if core is not None:
                self.refresh()
                core.enter(core.first_states(self._blocks))
            return
        chosen = checked_rows(rows, self.batch)
        first = self._first() if core is None else core.first_states(self._blocks)
        now = self.state
        for held, anew in zip(now, first, strict=True):
            for array, values in zip(held, anew, strict=True):
                array[chosen] = values[chosen]
        self.state = now

    def refresh(self) -> None:
        """Read the weights as they are now; the state stays."""
        check_parameters(self._found.model)
        self._block = None
        if self._core is not None:
            self._core.read()
            self._after_reading(self._core)

    @property
    def state(self) -> States:
        """For each Recurrent, in order, a tuple of arrays (B, ...), copies; to be set likewise."""
        if self._core is not None:
            return self._core.copies()
        if self._state is not None:
            return tuple([tuple([a.copy() for a in each]) for each in self._state])
        return self._first()

    @state.setter
    def state(self, values: StateLike) -> None:
        dtype = self._found.model.dtype or np.dtype(np.float32)
        dtype = dtype if self._core is None else self._core.dtype
        found, given, _ = states_of_blocks(self._blocks, values, self.batch, dtype)
        if self._core is None:
            self._state = found
            return
        first = self._core.first_states(self._blocks)
        self._core.enter([a if yes else b for a, b, yes in zip(found, first, given, strict=True)])

    def __reduce__(self) -> tuple[object, ...]:
        return reduced(self)

    def __repr__(self) -> str:
        return f"Stepper({self.model!r}, batch={self.batch})"

    @property
    def _blocks(self) -> tuple[Recurrent, ...]:
        return recurrent_blocks(self._found.model)

    def _first(self) -> States:
        """The initial state, before the inputs are known."""
        dtype = self._found.model.dtype or np.dtype(np.float32)
        return tuple([block.first_state(self.batch, dtype) for block in self._blocks])

    def _any_step(self, x: InputsLike) -> InputsOf:
        """``step`` of anything."""
        core = self._ready(x, steps=False)
        self._run(core, x)
        static = [k is None for k in self._found.outputs]
        pairs = zip(core.outputs(), static, strict=True)
        return self._formed([y if same else y[0] for y, same in pairs])

    def _run(self, core: Core, x: InputsLike) -> None:
        """Check the inputs of some steps, and do them."""
        write(self._inputs, x, core.inputs, core.dtype, steps=core is not self._core)
        if not core.run():
            core.check()  # which raises
            raise AssertionError("machine code has refused what can be used")

    def _formed(self, ys: Sequence[Array]) -> InputsOf:
        """The outputs as ``predict`` returns them."""
        found = self._found
        form = OutputForm.of_graph(found.model)
        return ys[0] if found.model is found.graph else form.form(ys)

    def _ready(self, x: InputsLike, *, steps: bool) -> Core:
        """What runs single steps, with weights that are those of now."""
        if self._core is None:
            labels = self._inputs.labels
            axes = "(L, B, ...)" if steps else "(B, ...)"
            arrays = {
                k: as_array(labels[k], part, axes=axes) for k, part in self._inputs.parts(x).items()
            }
            shapes = {
                k: shape_of(labels[k], array, self.batch, steps=steps)
                for k, array in arrays.items()
            }
            symbols = [*self._inputs.symbols.values()]
            dtype = self._found.model.dtype
            self._build(shapes, dtype or dtype_without_parameters([*arrays.values()], symbols))
        elif WRITES.count != self._writes:
            self.refresh()
        assert self._core is not None
        return self._core

    def _build(self, shapes: Mapping[int, Shape], dtype: Dtype) -> None:
        """Make what runs single steps."""
        self._core = core = self._made(1, shapes, dtype)
        self._after_reading(core)
        first = core.first_states(self._blocks)
        core.enter(first if self._state is None else self._state)

    def _made(self, length: int, shapes: Mapping[int, Shape], dtype: Dtype) -> Core:
        if self._fixed is None:
            self._fixed = static_values(self._given, self._static, self.batch, dtype)
        given = (length, self.batch), dtype, shapes, self._fixed, self._inputs
        return core_of(self._found, *given, backend=self._backend)

    def _after_reading(self, core: Core) -> None:
        """Note that weights are those of now, and what a step of one input needs."""
        self._writes, self._dtype = WRITES.count, None
        native, held = core.native, [*core.inputs.values()]
        if native is not None and len(held) == 1 and len(self._found.outputs) == 1:
            self._native, self._x = native, held[0][0]
            self._y, self._shape = core.outputs()[0][0], self._x.shape
            named = self._formed([self._y]) is not self._y
            self._dtype = None if named else self._x.dtype
