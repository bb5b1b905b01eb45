"""Names that a module of this library does not have: the error says where that is, or what it is called here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from rnnbp.nearest import hint
from rnnbp.unsupported import METHODS

RECURRENT = "both directions are not there yet; help('rnnbp.missing') has the lines that do it"
PADDING = "pad, and give a mask or Sequences(x, target, lengths=lengths, ...); help('rnnbp.missing') has more"
STACK = "give several layers to Sequential"
CELL = "{name} is the attribute cell of a layer, as rnnbp.LSTM(3, 4).cell"
INSTEAD = {
    "Bidirectional": RECURRENT,
    "BiLSTM": RECURRENT,
    "BiGRU": RECURRENT,
    "Linear": "it is called Dense here",
    "SimpleRNN": "it is called RNN here",
    "LSTMCell": CELL,
    "GRUCell": CELL,
    "RNNCell": CELL,
    "StackedRNNCells": STACK,
    "MultiRNNCell": STACK,
    "ModuleList": STACK,
    "TimeDistributed": "every layer acts on each step: put it into a Sequential as it is",
    "Masking": PADDING,
    "pack_padded_sequence": PADDING,
    "pad_packed_sequence": PADDING,
    "pad_sequence": PADDING,
    "Module": "a network is a Sequential or a Graph, a layer of your own a Layer, a step of your own a Cell",
    "Model": "a network of several paths is a Graph",
    "Lambda": "a layer of your own is a Layer; help('rnnbp.missing') has the lines",
    "Activation": "each is a layer: Tanh(), Sigmoid(), ReLU()",
    "LayerNormalization": "it is called LayerNorm here",
    "BatchNorm": "there is LayerNorm",
    "BatchNorm1d": "there is LayerNorm",
    "BatchNormalization": "there is LayerNorm",
    "Attention": "there is none yet",
    "MultiheadAttention": "there is none yet",
    "GaussianNoise": "there is none yet; help(rnnbp.layers.dropout) shows a random layer",
    "Concatenate": "it is called Concat here",
    "DataLoader": "batches come from a source: Sequences, Windows, Examples or Batches",
    "TensorDataset": "batches come from a source: Sequences, Windows, Examples or Batches",
    "tensor": "arrays are NumPy's",
    "Tensor": "arrays are NumPy's",
    "no_grad": "rnnbp.predict computes no gradients",
    "MSE": "it is called MeanSquaredError here",
    "MSELoss": "it is called MeanSquaredError here",
    "MAE": "it is called MeanAbsoluteError here",
    "L1Loss": "it is called MeanAbsoluteError here",
    "SmoothL1Loss": "it is called Huber here",
    "BCE": "it is called BinaryCrossEntropy here",
    "BCELoss": "it is called BinaryCrossEntropy here, and takes logits",
    "BCEWithLogitsLoss": "it is called BinaryCrossEntropy here",
    "NLLLoss": "CrossEntropy takes logits",
    "SparseCategoricalCrossentropy": "it is called CrossEntropy here, and takes logits",
    "CategoricalCrossentropy": "it is called CrossEntropy here, and takes logits and class numbers",
    "EarlyStopping": "fit and Trainer take patience=, with validation=",
    "ModelCheckpoint": "fit and Trainer take folder=, with snapshot_every=",
    "ReduceLROnPlateau": "it is called OnPlateau here",
    "StepLR": "it is called StepDecay here",
    "CosineAnnealingLR": "it is called Cosine here",
    "ExponentialLR": "any function of the step is a learning rate: lambda step: 1e-3 * 0.99**step",
    "LambdaLR": "any function of the step is a learning rate",
    "clip_grad_norm_": "it is called clip_norm here",
    "clip_grad_norm": "it is called clip_norm here",
    "clip_grad_value_": "it is called clip_value here",
    "save": "weights are saved by rnnbp.save_weights(model, path)",
    "load": "weights are loaded by rnnbp.load_weights(model, path)",
    "train": "training is rnnbp.fit(model, data, loss), or rnnbp.Trainer",
}
"""By the names of other libraries."""


TRAINS = "rnnbp.fit(model, data, loss) or a Trainer trains it"
OF_MODELS = {
    "parameters": "model.params holds its arrays by name",
    "named_parameters": "model.params holds its arrays by name",
    "weights": "params holds its arrays by name",
    "weight": "params['weight'] is it",
    "bias": "params['bias'] is it",
    "get_weights": "params holds its arrays by name",
    "set_weights": "write into its arrays, model.params[name][...] = values, or model.params.update(values)",
    "trainable_variables": "model.params holds its arrays by name",
    "state_dict": "model.params.copy() is a copy of its arrays; rnnbp.save_weights(model, path) writes them",
    "load_state_dict": "model.params.update(values) sets its arrays; rnnbp.load_weights(model, path) reads them",
    "save": "rnnbp.save_weights(model, path) writes its weights",
    "save_weights": "rnnbp.save_weights(model, path) writes them",
    "load_weights": "rnnbp.load_weights(model, path) reads them",
    "fit": TRAINS,
    "compile": f"the loss and the optimizer are given later: {TRAINS}",
    "train": f"bptt runs it in training mode, predict in evaluation mode; {TRAINS}",
    "eval": "rnnbp.predict and rnnbp.evaluate run it in evaluation mode as it is",
    "zero_grad": "rnnbp.bptt(...).grads are new each time",
    "predict": "rnnbp.predict(model, x) runs it",
    "forward": "rnnbp.predict(model, x) runs it",
    "evaluate": "rnnbp.evaluate(model, x, target, loss) is its loss",
    "backward": "rnnbp.bptt(model, x, target, loss) is its loss and gradients",
    "to": "everything runs on the CPU; model.astype('float64') is a copy of another dtype",
    "cpu": "everything runs on the CPU",
    "cuda": "everything runs on the CPU",
    "double": "model.astype('float64') is a copy of that dtype",
    "float": "model.astype('float32') is a copy of that dtype",
    "add": "all layers are given at once, Sequential(first, second)",
    "append": "all layers are given at once, Sequential(first, second)",
    "requires_grad_": "the optimizer says what it leaves alone, frozen='head.*'",
    "trainable": "the optimizer says what it leaves alone, frozen='head.*'",
    "hidden_size": "its parameters' shapes say it, model.summary(steps=..., batch=...) too",
    "units": "its parameters' shapes say it, model.summary(steps=..., batch=...) too",
}
"""Of a network or layer, by the names of other libraries."""


class Helpful:
    """What networks and layers share: a name that other libraries have says what there is instead."""

    __slots__ = ()
    if not TYPE_CHECKING:  # which says itself what there is

        def __getattr__(self, name: str) -> Any:
            try:
                return object.__getattribute__(self, name)  # raises again, what a property of the user's raised too
            except AttributeError as error:
                if name not in OF_MODELS or hasattr(type(self), name):
                    raise
                raise AttributeError(f"{error}; {OF_MODELS[name]}", name=name, obj=self) from None


def refusing(
    module: str, known: Iterable[str], elsewhere: Mapping[str, Iterable[str]] | None = None
) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of a module with these names: its errors say what there is instead.

    ``elsewhere`` are the names of other modules.
    """
    known, others = list(known), {where: list(names) for where, names in (elsewhere or {}).items()}

    def refuse(name: str) -> NoReturn:
        """Raise AttributeError."""
        raise AttributeError(f"module {module!r} has no attribute {name!r}{_instead(name, known, others)}")

    return refuse


def _instead(name: str, known: list[str], others: Mapping[str, list[str]]) -> str:
    if name.startswith("_"):
        return ""
    for where, names in others.items():
        if name in names:
            return f"; it is {where}.{name}"
    if name in INSTEAD:
        return f"; {INSTEAD[name].format(name=name)}"
    if name in METHODS:
        return f"; of symbolic values: {METHODS[name]}"
    if near := hint(name, known):
        return near
    for where, names in others.items():
        if near := hint(name, names):
            return f"{near[:-1]} in {where}?"
    return ""
