"""What is public: a name that is added by accident, or goes, fails here by name."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import rnnbp as rb

FUNCTIONS = """
    backprop bptt calibrate check_grads evaluate explain fit forecast load load_weights plan predict
    release_memory
    save save_weights simulate
"""
CLASSES = """
    Backend Batches Cell Context Costs Examples Explanation Forecast Gradients Graph History Input
    Parameter Plan Recurrent Sequences Sequential Source State Stats Stepper Trainer Value
    Windows
"""
CELLS = "Attention Bidirectional GRU IndRNN LRU LSTM MinGRU MinLSTM Options RNN SLSTM"
OVER_TIME = "Last MaxOverTime MeanOverTime WholeSeries"
ERRORS = "BudgetError DtypeError GradientError ScheduleError ShapeError StorageError"
LATE = "estimators interchange"
MODULES = "actions compare initializers layers losses memory optim parallel schedules train"
LAYERS = """
    Abs Add AvgPool Clip Concat Conv1D Conv2D Dense Divide Dropout ELU Embedding Exp Flatten GELU
    Gain GaussianNoise Identity Keeps Layer LayerNorm LeakyReLU Log LogSoftmax MatVec MaxPool
    Maximum Mean Minimum Multiply OneHot Penalty ReLU Reciprocal Reshape Scale Sigmoid Slice Softmax Softplus Split
    Sqrt Square Subtract Sum Tanh Zoneout
"""
SURFACE = {
    rb: f"{FUNCTIONS} {CLASSES} {CELLS} {OVER_TIME} {ERRORS} {MODULES} {LAYERS}",
    rb.actions: "Action Advance Backward Drop Keep Load Rebuild Record Store TIERS Tier",
    rb.compare: "Comparison LeftOut Row SCHEDULES SHARES Timeline save sweep timeline",
    rb.estimators: "Forecaster RecurrentClassifier RecurrentRegressor SequenceScaler load",
    rb.initializers: "NAMED constant glorot he orthogonal uniform",
    rb.layers: LAYERS,
    rb.interchange: """
        LoadedWeights from_keras from_onnx from_torch load_torch_weights to_keras to_onnx to_torch
    """,
    rb.losses: """
        BinaryCrossEntropy CrossEntropy Elementwise Huber Known L1 L2 Loss MeanAbsoluteError
        MeanSquaredError PerStep Quantile WholeSequence
    """,
    rb.memory: "HighWater Used high_water measure",
    rb.optim: """
        Adagrad Adam AdamW Constant Cosine LBFGSResult OnPlateau Optimizer RMSProp SGD Schedule
        StepDecay WarmUp
        clip_norm clip_value lbfgs
    """,
    rb.parallel: "Alone Exchange MPI ProcessError tree_sum tree_sums",
    rb.schedules: """
        All DiskRevolve EveryK Foreign HSM ISM MSM Multistage NAMED Online Optimal Revolve
        ScheduleLike Sqrt Streamed
        Sweep ThinTapes Unsized check_counts resized resolve sweep thin
    """,
    rb.train: """
        Batch Batches Event Examples History Sequences Source Trainer Windows evaluate fit
        load_weights predict
        save_weights
    """,
}
"""The names of every public module."""
PACKAGES = sorted(path.parent for path in Path(rb.__file__).parent.rglob("*/__init__.py"))


@pytest.mark.quick
@pytest.mark.parametrize("module", SURFACE, ids=lambda module: module.__name__)
def test_public_names_are_those_of_the_list(module: ModuleType) -> None:
    assert sorted(module.__all__) == sorted(SURFACE[module].split())
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.quick
def test_the_top_level_holds_what_a_script_needs() -> None:
    """Layers live in ``rb.layers``, and are reachable at the top too; cells are at the top alone.

    ``save`` and ``load`` are two of the 40: what other libraries call so is looked for there.
    """
    assert len(f"{FUNCTIONS} {CLASSES}".split()) <= 40
    assert all(getattr(rb, name) is getattr(rb.layers, name) for name in LAYERS.split())


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.name)
def test_a_package_is_public_or_says_that_it_is_internal(path: Path) -> None:
    name = ".".join(path.relative_to(Path(rb.__file__).parent.parent).parts)
    public = name.removeprefix("rnnbp.") in f"{MODULES} {LATE}".split()
    assert (importlib.import_module(name).__doc__ or "").startswith("Internal: ") is not public


@pytest.mark.quick
def test_the_project_has_the_version_of_the_library() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["project"]["version"] == rb.__version__
