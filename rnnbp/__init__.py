"""Recurrent networks on CPUs, by backpropagation through time within a memory budget.

    >>> import numpy as np
    >>> import rnnbp as rb
    >>> x = np.random.default_rng(0).normal(size=(256, 40, 3)).astype("float32")
    >>> y = (x[:, -1, 0] > 0).astype(int)  # a class for each of 256 sequences of 40 steps
    >>> model = rb.Sequential(rb.LSTM(3, 16, rng=0), rb.Dense(16, 2, rng=1))
    >>> data, loss = rb.Sequences(x, y, last=True, batch_size=32), rb.losses.CrossEntropy()
    >>> history = rb.fit(model, data, loss, "adam", learning_rate=1e-2, epochs=5)
    >>> rb.evaluate(model, data, loss, metrics=["accuracy"])["accuracy"] > 0.9
    True

Arrays of ``bptt`` and ``predict`` are time-first, (T, B, features); those of sources are
batch-first. With ``checkpoint="64 MB"`` training stays within that many bytes. Each name below
has its own help, as ``help(rb.bptt)``. Modules that are not named here are internal.

Networks
    Sequential, Graph          chains, and any other connection, of layers and recurrent layers
    LSTM, GRU, RNN             recurrent layers; Options are their common arguments
    MinGRU, MinLSTM            those whose gates depend on x alone
    IndRNN, LRU, SLSTM         units that see themselves alone; exponential gates
    Bidirectional              two of them, one of each direction
    Recurrent, Cell            a custom recurrent layer, from the layers of one step
    Attention                  what a cell looks up in a memory of each sequence
    Input, State, Parameter    the symbols that graphs and cells are written with; each a Value
    Last, MeanOverTime, MaxOverTime, WholeSeries    from a series to one value for each sequence
Layers (within a cell too), all of them in the module layers
    Dense, Embedding, OneHot, Conv1D, Conv2D, MaxPool, AvgPool, LayerNorm, Gain
    Dropout, GaussianNoise, Zoneout, Penalty
    Tanh, Sigmoid, ReLU, LeakyReLU, ELU, GELU, Softplus, Softmax, LogSoftmax, Identity
    Add, Subtract, Multiply, Divide, Scale, Maximum, Minimum, Exp, Log, Sqrt, Square, Reciprocal
    Abs, Clip, Sum, Mean, MatVec, Concat, Split, Slice, Flatten, Reshape
    Layer, Keeps, Context      a custom layer, what it keeps, its random numbers
Training, in the module train
    fit, Trainer               training in one call, with a History; the loop, with snapshots
    Sequences, Windows         sequences, of one length or padded; long streams in windows
    Examples, Batches, Source  data without time; loaders and generators; a custom source
    evaluate, predict          loss and metrics; outputs, in evaluation mode
    Stepper                    predict one step at a time: streams, generation, control
    save, load                 whole models in a file; save_weights, load_weights: weights alone
    losses, optim              modules: CrossEntropy, PerStep, ...; Adam, clipping, ...
    initializers               module: first values of weights
Gradients, and what they cost
    bptt, backprop             loss and Gradients of a sequence, or of a batch without time
    plan, forecast             a Plan, the fastest within a budget; a Forecast of bytes
    calibrate, Costs, Stats    seconds of actions, measured; what a run took
    schedules, actions         modules: what is kept and what is run again; simulate checks one
    compare, memory            modules: recompute against cache, in pictures; bytes of a block
    explain, Explanation       the code of a cell; model.summary() describes a model
    check_grads                compares gradients with complex steps or differences
    interchange, estimators    modules: PyTorch, Keras and ONNX; scikit-learn's estimators
    Backend, release_memory    how cells are run; memory that a run left for the next
    parallel                   module: sums over processes, the same bits for any number of them
Errors
    ShapeError, DtypeError, BudgetError, ScheduleError, StorageError, GradientError
"""

from typing import TYPE_CHECKING

from rnnbp import (
    actions,
    compare,
    gradcheck,
    initializers,
    layers,
    losses,
    memory,
    optim,
    parallel,
    schedules,
    train,
)
from rnnbp.bptt import (
    Backend,
    BudgetError,
    Costs,
    Forecast,
    Gradients,
    Plan,
    Stats,
    backprop,
    bptt,
    calibrate,
    forecast,
    plan,
)
from rnnbp.compiler.explanation import Explanation
from rnnbp.gradcheck import GradientError, check_grads
from rnnbp.graph.cell import Cell
from rnnbp.graph.cells import *  # noqa: F403  # __all__ says which
from rnnbp.graph.cells import __all__ as _cells
from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time import *  # noqa: F403  # __all__ says which
from rnnbp.graph.over_time import __all__ as _over_time
from rnnbp.graph.parameter import Parameter
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.values import Input, State, Value
from rnnbp.layers import *  # noqa: F403  # __all__ says which
from rnnbp.layers import __all__ as _layers
from rnnbp.memory_pool import release_memory
from rnnbp.numerics import DtypeError, ShapeError
from rnnbp.rng import Context
from rnnbp.runners.explained import explain
from rnnbp.schedules.simulation import ScheduleError, simulate
from rnnbp.stepping import Stepper
from rnnbp.storage import StorageError
from rnnbp.support.helping import names_of
from rnnbp.support.late_modules import importing as _importing
from rnnbp.support.version import VERSION
from rnnbp.sweeps import SweptNetworks as _SweptNetworks  # noqa: F401  # which bptt then runs
from rnnbp.train import (
    Batches,
    Examples,
    History,
    Sequences,
    Source,
    Trainer,
    Windows,
    evaluate,
    fit,
    load_weights,
    predict,
    save_weights,
)
from rnnbp.wording.attributes import refusing
from rnnbp.wording.called_modules import refuse_calls

refuse_calls(actions, compare, gradcheck, initializers, layers)
refuse_calls(losses, memory, optim, parallel, schedules, train)

__version__ = VERSION

__all__ = [
    "Backend",
    "Batches",
    "BudgetError",
    "Cell",
    "Context",
    "Costs",
    "DtypeError",
    "Examples",
    "Explanation",
    "Forecast",
    "GradientError",
    "Gradients",
    "Graph",
    "History",
    "Input",
    "Parameter",
    "Plan",
    "Recurrent",
    "ScheduleError",
    "Sequences",
    "Sequential",
    "ShapeError",
    "Source",
    "State",
    "Stats",
    "Stepper",
    "StorageError",
    "Trainer",
    "Value",
    "Windows",
    "actions",
    "backprop",
    "bptt",
    "calibrate",
    "check_grads",
    "compare",
    "evaluate",
    "explain",
    "fit",
    "forecast",
    "initializers",
    "layers",
    "load",
    "load_weights",
    "losses",
    "memory",
    "optim",
    "parallel",
    "plan",
    "predict",
    "release_memory",
    "save",
    "save_weights",
    "schedules",
    "simulate",
    "train",
    *_cells,
    *_layers,
    *_over_time,
]


_LATE = ("estimators", "interchange")
"""Modules that are imported when they are first named."""
__dir__ = names_of([*__all__, *_LATE, "__version__", "missing"])


if TYPE_CHECKING:
    from rnnbp import estimators, interchange  # noqa: F401  # for type checkers
    from rnnbp.saving import load, save
else:  # type checkers read __all__
    __getattr__ = _importing(
        "rnnbp",
        _LATE,
        {"load": "saving", "save": "saving"},
        refusing(
            "rnnbp",
            __all__,
            {"rnnbp.memory": memory.__all__, "rnnbp.compare": ["sweep", "timeline"]}
            | {part.__name__: part.__all__ for part in (optim, losses, schedules)},
        ),
    )
