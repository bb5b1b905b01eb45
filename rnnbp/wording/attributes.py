"""Names that a module does not have: the error says where it is, or its name here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NoReturn

from rnnbp.support.nearest import hint, unknown
from rnnbp.wording.instead import CPU
from rnnbp.wording.other_initializers import OURS as DRAWS
from rnnbp.wording.other_losses import NOT_HERE, OWN
from rnnbp.wording.other_losses import OURS as LOSSES
from rnnbp.wording.unsupported import METHODS

BOTH = "both directions are two layers: rnnbp.Bidirectional(rnnbp.{0}(n_in, n), rnnbp.{0}(n_in, n))"
PADDING = (
    "pad, and give lengths=lengths, (B,), to bptt, predict or evaluate; Sequences takes the list "
    "of arrays as it is"
)
PADDED = (
    "pad pad_sequence pad_sequences pack_sequence pack_padded_sequence pad_packed_sequence "
    "PackedSequence RaggedTensor ragged Masking collate_fn default_collate"
)
STACK = "give several layers to Sequential"
CELL = "{name} is the attribute cell of a layer, as rnnbp.LSTM(3, 4).cell"
INSTEAD = {
    "BiLSTM": BOTH.format("LSTM"),
    "BiGRU": BOTH.format("GRU"),
    "GlobalAveragePooling1D": "the mean over the steps is MeanOverTime()",
    "GlobalMaxPooling1D": "the largest over the steps is MaxOverTime()",
    "LSTMCell": CELL,
    "GRUCell": CELL,
    "RNNCell": CELL,
    "StackedRNNCells": STACK,
    "MultiRNNCell": STACK,
    "ModuleList": STACK,
    "TimeDistributed": "every layer acts on each step: put it into a Sequential as it is",
    "Module": "a network is a Sequential or a Graph, a layer of your own a Layer, a step of your own a Cell",
    "Model": "a network of several paths is a Graph",
    "Lambda": "a layer of your own is a Layer; help('rnnbp.missing') has the lines",
    "Activation": "each is a layer: Tanh(), Sigmoid(), ReLU()",
    "BatchNorm": "there is LayerNorm",
    "BatchNorm1d": "there is LayerNorm",
    "BatchNormalization": "there is LayerNorm",
    "Attention": "it does not exist yet",
    "MultiheadAttention": "it does not exist yet",
    "DataLoader": "batches come from a source: Sequences, Windows, Examples or Batches",
    "TensorDataset": "batches come from a source: Sequences, Windows, Examples or Batches",
    "tensor": "arrays are NumPy's",
    "Tensor": "arrays are NumPy's",
    "no_grad": "rnnbp.predict computes no gradients",
    "EarlyStopping": "fit and Trainer take patience=, with validation=",
    "ModelCheckpoint": "fit and Trainer take folder=, with snapshot_every=",
    "ExponentialLR": "any function of the step is a learning rate: lambda step: 1e-3 * 0.99**step",
    "LambdaLR": "any function of the step is a learning rate",
    "train": "training is rnnbp.fit(model, data, loss), or rnnbp.Trainer",
    "SiLU": "write x * Sigmoid()(x) of a value x, in a Graph or Cell",
    "generate": "feed each output back: stepper = rnnbp.Stepper(model); y = stepper.step(y); for text: rnnbp sample",
    "random": "layers and sources take rng=, fit and Trainer seed=",
    "ModuleDict": STACK,
    "Checkpoint": "fit and Trainer take folder=, with snapshot_every=; checkpoint= of bptt is a schedule or a budget",
    "TensorBoard": "fit and Trainer take folder=, where metrics are lines of JSON, and callbacks=",
    "CSVLogger": "fit and Trainer take folder=, where metrics are lines of JSON, and callbacks=",
    "callbacks": "fit and Trainer take callbacks=, functions of an event, and patience= for early stopping",
    "Callback": "fit and Trainer take callbacks=, functions of an event",
    "nn": "layers are in rnnbp itself, as rnnbp.LSTM and rnnbp.Dense; losses in rnnbp.losses",
    "functional": "layers are classes, as rnnbp.Tanh(); losses are in rnnbp.losses",
    "regularizers": "decay is the optimiser's: rnnbp.optim.AdamW(model, weight_decay=0.01)",
    "metrics": "fit, Trainer and evaluate take metrics=, as metrics=['accuracy']",
    "Accuracy": "fit, Trainer and evaluate take metrics=['accuracy']",
    "models": "networks are rnnbp.Sequential and rnnbp.Graph",
    "utils": "files are rnnbp.save and rnnbp.save_weights; batches come from rnnbp.Sequences",
    "data": "batches come from a source: Sequences, Windows, Examples or Batches",
    "Dataset": "batches come from a source: Sequences, Windows, Examples or Batches",
    "manual_seed": "layers and sources take rng=, fit and Trainer seed=",
    "set_seed": "layers and sources take rng=, fit and Trainer seed=",
    "seed": "layers and sources take rng=, fit and Trainer seed=",
    "cuda": CPU,
    "device": CPU,
    "from_numpy": "arrays are NumPy's",
    "from_torch": "it is rnnbp.interchange.from_torch(module)",
    "to_torch": "it is rnnbp.interchange.to_torch(model)",
    "load_torch_weights": "it is rnnbp.interchange.load_torch_weights(model, state_dict)",
    "load_state_dict": "it is rnnbp.load_weights(model, arrays_or_path), with rename='torch' for PyTorch's names",
    "save_model": "whole models are saved by rnnbp.save(model, path), weights by rnnbp.save_weights(model, path)",
    "load_model": "whole models are loaded by rnnbp.load(path), weights by rnnbp.load_weights(model, path)",
    "compare": "the comparison is rnnbp.compare.sweep(model, x, target, loss)",
    "profile": "rnnbp.memory.measure() measures a block of code, rnnbp.forecast predicts a run",
    "Profiler": "rnnbp.memory.measure() measures a block of code, rnnbp.forecast predicts a run",
    "summary": "it is a method: print(model.summary())",
    "compile": "nothing is compiled before; fit(model, data, loss, 'adam') takes loss and optimiser",
    "grad": "rnnbp.bptt(model, x, target, loss).grads has the gradients",
    "backward": "rnnbp.bptt(model, x, target, loss).grads has the gradients",
    "to_categorical": "CrossEntropy takes class numbers as they are",
    "one_hot": "it is a layer, OneHot(n); CrossEntropy takes class numbers as they are",
    "Transformer": "it does not exist yet",
    "TransformerEncoder": "it does not exist yet",
    "lr_scheduler": "schedules are in rnnbp.optim: StepDecay, Cosine, WarmUp, OnPlateau",
    "schedulers": "schedules are in rnnbp.optim: StepDecay, Cosine, WarmUp, OnPlateau",
    "OneCycleLR": "there are WarmUp and Cosine: WarmUp(Cosine(1e-3, steps=1000), steps=100)",
    "MultiStepLR": "any function of the step is a learning rate",
    "ExponentialDecay": "any function of the step is a learning rate: lambda step: 1e-3 * 0.99**step",
    "LearningRateScheduler": "fit takes learning_rate=, any function of the step",
    "Momentum": "it is SGD(model, momentum=0.9)",
}
"""By the names of other libraries."""
ESTIMATORS = ("RecurrentClassifier", "RecurrentRegressor", "Forecaster", "SequenceScaler")
CALLED = {
    "grad_check": "check_grads",
    "check_grad": "check_grads",
    "Linear": "Dense",
    "SimpleRNN": "RNN",
    "LayerNormalization": "LayerNorm",
    "Concatenate": "Concat",
    "ReduceLROnPlateau": "optim.OnPlateau",
    "StepLR": "optim.StepDecay",
    "CosineAnnealingLR": "optim.Cosine",
    "clip_grad_norm_": "optim.clip_norm",
    "clip_grad_norm": "optim.clip_norm",
    "clip_grad_value_": "optim.clip_value",
    "init": "initializers",
    "optimizers": "optim",
    "LinearLR": "optim.WarmUp",
    "LinearWarmup": "optim.WarmUp",
    "CosineDecay": "optim.Cosine",
    "zeros_": "initializers.constant(0)",
    "Zeros": "initializers.constant(0)",
    "ones_": "initializers.constant(1)",
    "Ones": "initializers.constant(1)",
    **{name: f"interchange.{name}" for name in ("from_keras", "to_keras", "from_onnx", "to_onnx")},
    "from_pytorch": "interchange.from_torch",
    "to_pytorch": "interchange.to_torch",
    "load_onnx": "interchange.from_onnx",
    "export_onnx": "interchange.to_onnx",
    "export": "interchange.to_onnx",
    "onnx": "interchange.to_onnx",
    "from_tensorflow": "interchange.from_keras",
    "from_safetensors": "interchange.load_torch_weights",
    **{name: f"estimators.{name}" for name in ESTIMATORS},
    "RecurrentForecaster": "estimators.Forecaster",
    "StandardScaler": "estimators.SequenceScaler",
}
"""By the name that a different library uses, the place in this package of what has a different name
here."""
CALLED = {
    other: f"initializers.{own}" for own, others in DRAWS.items() for other in others.split()
} | CALLED
CALLED |= {other: f"losses.{own}" for own, others in LOSSES.items() for other in others.split()}
INSTEAD |= dict.fromkeys(NOT_HERE.split(), OWN)
INSTEAD |= dict.fromkeys(PADDED.split(), PADDING)
PLACES = ("rnnbp", "rnnbp.optim", "rnnbp.losses", "rnnbp.schedules", "rnnbp.train")
"""Modules with names of their own."""


def refusing(
    module: str, known: Iterable[str], elsewhere: Mapping[str, Iterable[str]] | None = None
) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of a module with these names: its errors say what there is instead.

    ``elsewhere`` are the names of other modules.
    """
    known, others = list(known), {where: list(names) for where, names in (elsewhere or {}).items()}

    def refuse(name: str) -> NoReturn:
        """Raise AttributeError."""
        text = _instead(module, name, known, others)
        raise unknown(
            f"module {module!r} has no attribute {name!r}", text, name, sys.modules.get(module)
        )

    return refuse


def _instead(module: str, name: str, known: list[str], others: Mapping[str, list[str]]) -> str:
    if name.startswith("_"):
        return ""
    for where, names in others.items():
        if name in names:
            return f"; it is {where}.{name}"
    for where in PLACES:
        if module not in (where, f"{where}.{name}") and name in public(where):
            return f"; it is {where}.{name}"
    if name in CALLED:
        place = f"rnnbp.{CALLED[name]}"
        owner, _, own = place.rpartition(".")
        return f"; it is called {own if owner == module else place} here"
    if name in INSTEAD:
        return f"; {INSTEAD[name].format(name=name)}"
    if name in METHODS:
        return f"; of symbolic values: {METHODS[name]}"
    if near := hint(name, known):
        return near
    for where, names in others.items():
        if near := hint(name, names):
            return f"{near[:-2]} in {where}?)"
    return ""


def public(module: str) -> Collection[str]:
    """The public names of a module; of one that is not imported none."""
    names: Collection[str] = getattr(sys.modules.get(module), "__all__", ())
    return names
