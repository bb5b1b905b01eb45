"""What users of PyTorch, Keras, scikit-learn type first: a line says what to do here."""

from __future__ import annotations

import copy
import functools
import pickle
import pydoc
import types

import numpy as np
import pytest

import rnnbp as rb

X, TARGET = np.zeros((5, 2, 3), "float32"), np.zeros((5, 2, 4), "float32")


def model():
    return rb.Sequential(rb.LSTM(3, 6, rng=0, name="lstm"), rb.Dense(6, 4, rng=1, name="head"))


def library(module, **members):
    """A module of another library, perhaps not installed: its objects say where they are from."""
    found = types.ModuleType(module)
    for name, bases in members.items():
        made = type(name, bases, {}) if isinstance(bases, tuple) else bases
        made.__module__, made.__name__ = module, name
        setattr(found, name, made)
    return found


def called(*args):
    raise AssertionError("a loss that takes tensors was called")


class Callable:
    __call__ = called


nn = library(
    "torch.nn.modules.loss", MSELoss=(Callable,), CrossEntropyLoss=(Callable,), CTCLoss=(Callable,)
)
F = library("torch.nn.functional", mse_loss=lambda y, t: called(), l1_loss=lambda y, t: called())
keras = library(
    "keras.src.losses.losses", BinaryCrossentropy=(Callable,), huber=lambda t, y: called()
)


class OwnModule(nn.MSELoss):
    """Of the user, by inheritance."""


LOSSES = {
    "an object": (
        nn.MSELoss(),
        "it is PyTorch's MSELoss, which takes tensors; give rnnbp.losses.MeanSquaredError",
    ),
    "a class": (nn.CrossEntropyLoss, r"give rnnbp.losses.CrossEntropy\(\), which takes logits"),
    "a function": (
        F.mse_loss,
        "it is PyTorch's mse_loss, which takes tensors; give rnnbp.losses.MeanSquaredError",
    ),
    "part of a function": (
        functools.partial(F.l1_loss, reduction="sum"),
        "give rnnbp.losses.MeanAbsoluteError",
    ),
    "one of one's own": (OwnModule(), "it is PyTorch's MSELoss"),
    "what is not here": (
        nn.CTCLoss(),
        "PyTorch's CTCLoss.*it does not exist here: write rnnbp.losses.PerStep",
    ),
    "of Keras": (
        keras.BinaryCrossentropy(),
        r"Keras's .*; give rnnbp.losses.BinaryCrossEntropy\(\), which takes logits",
    ),
    "a function of Keras": (keras.huber, r"Keras's huber.*give rnnbp.losses.Huber\(\)"),
    "a name": ("mse", r"found 'mse'; build it first, as losses.MeanSquaredError\(\)"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_a_loss_of_another_library_is_named_with_ours(case):
    loss, text = LOSSES[case]
    data = rb.Sequences(X.copy(), TARGET.copy(), batch_size=5)
    for run in (
        lambda: rb.bptt(model(), X, TARGET, loss),
        lambda: rb.evaluate(model(), X, TARGET, loss),
        lambda: rb.fit(model(), data, loss, epochs=1),
    ):
        with pytest.raises(TypeError, match=text):
            run()


class Mine(rb.losses.MeanSquaredError):
    __module__ = "torch_models.losses"


@pytest.mark.quick
@pytest.mark.parametrize("loss", [Mine(), rb.losses.MeanSquaredError()])
def test_a_loss_of_ours_is_taken_wherever_it_is_defined(loss):
    assert rb.bptt(model(), X, TARGET, loss).loss > 0


MODULES = {
    rb: {
        "Linear": "it is called Dense here",
        "Module": "a network is a Sequential or a Graph",
        "Adam": "it is rnnbp.optim.Adam",
        "MSELoss": "it is called rnnbp.losses.MeanSquaredError here",
        "pad_sequence": "pad, and give lengths=lengths",
        "callbacks": "fit and Trainer take callbacks=",
        "Masking": "pad, and give lengths=lengths",
        "BiLSTM": "two layers: rnnbp.Bidirectional",
        "TimeDistributed": "every layer acts on each step",
        "Sequental": "did you mean 'Sequential'?",
        "nn": "layers are in rnnbp itself",
        "manual_seed": "take rng=",
        "metrics": "take metrics=",
        "load_model": r"whole models are loaded by rnnbp.load\(path\)",
    },
    rb.losses: {
        "MSELoss": "it is called MeanSquaredError here",
        "CosineSimilarity": "it does not exist here: write rnnbp.losses.PerStep",
        "mse": "it is called MeanSquaredError here",
        "KLDivLoss": "it does not exist here",
        "StepLR": "it is called rnnbp.optim.StepDecay here",
        "Dense": "it is rnnbp.Dense",
        "MeanSquareError": "did you mean 'MeanSquaredError'?",
    },
    rb.initializers: {
        "xavier_uniform_": "it is called glorot here",
        "he_normal": "it is called he here",
        "Zeros": r"it is called constant\(0\) here",
        "Linear": "it is called rnnbp.Dense here",
        "glorott": "did you mean 'glorot'?",
    },
    rb.optim: {
        "CosineAnnealingLR": "it is called Cosine here",
        "ReduceLROnPlateau": "it is called OnPlateau here",
        "lr_scheduler": "StepDecay, Cosine, WarmUp, OnPlateau",
        "Momentum": r"it is SGD\(model, momentum=0.9\)",
        "Linear": "it is called rnnbp.Dense here",
        "LSTM": "it is rnnbp.LSTM",
        "CrossEntropyLoss": "it is called rnnbp.losses.CrossEntropy here",
        "Sequences": "it is rnnbp.Sequences",
        "Admw": "did you mean 'AdamW'?",
    },
}
NAMES = [(module, name, text) for module, names in MODULES.items() for name, text in names.items()]


def objects():
    found = model()
    gradients = rb.bptt(found, X, TARGET, rb.losses.MeanSquaredError())
    trainer = rb.Trainer(found, rb.optim.Adam(found), rb.losses.MeanSquaredError())
    return {
        "model": found,
        "lstm": rb.LSTM(3, 4),
        "dense": rb.Dense(3, 4),
        "trainer": trainer,
        "history": rb.History(),
        "result": gradients,
    }


OBJECTS = objects()
ATTRIBUTES = [
    ("model", "fit", r"; rnnbp.fit\(model, data, loss\) trains it"),
    ("model", "predict", r"; rnnbp.predict\(model, x\) returns outputs and state"),
    ("model", "evaluate", "rnnbp.evaluate"),
    ("model", "parameters", "model.params is a dict of the live arrays"),
    ("model", "state_dict", r"model.params.copy\(\)"),
    ("model", "load_state_dict", r"rnnbp.load_weights\(model, arrays_or_path\)"),
    ("model", "train", "a model has no modes"),
    ("model", "eval", "in evaluation mode as it is"),
    ("model", "compile", "takes loss and optimiser"),
    ("model", "freeze", r"frozen='.*\*'"),
    ("model", "zero_grad", "gradients are returned"),
    ("model", "to", "everything runs on the CPU"),
    ("model", "sumary", "did you mean 'summary'?"),
    ("lstm", "weight_hh_l0", r"as params\['weight_hh'\]"),
    ("lstm", "hidden_size", "summary"),
    ("dense", "weight", r"as params\['weight'\]"),
    ("trainer", "train", "it is called fit here"),
    ("trainer", "lr", "it is called learning_rate here"),
    ("trainer", "save_checkpoint", "trainer.resume"),
    ("history", "history", "history.losses and history.validation_losses are lists"),
    ("history", "val_loss", "history.validation_losses"),
    ("history", "lossses", "did you mean 'losses'?"),
    ("result", "backward", "its grads is a dict of the gradients by name"),
    ("result", "outputs", "return_y=True"),
]


@pytest.mark.parametrize(
    ("where", "name", "text"), NAMES + [(OBJECTS[key], *rest) for key, *rest in ATTRIBUTES]
)
def test_an_attribute_of_other_libraries_says_what_it_is_called_here(where, name, text):
    with pytest.raises(
        AttributeError,
        match=rf"has no attribute '{name}'.*{text}|{text}.*has no attribute '{name}'",
    ) as caught:
        getattr(where, name)
    assert "\n" not in str(caught.value)
    assert not hasattr(where, name)
    assert name not in dir(where)


@pytest.mark.parametrize("name", ["model", "lstm", "dense", "history", "result"])
def test_copies_and_pickles_are_as_before(name):
    for again in (
        copy.copy(OBJECTS[name]),
        copy.deepcopy(OBJECTS[name]),
        pickle.loads(pickle.dumps(OBJECTS[name])),
    ):
        assert type(again) is type(OBJECTS[name])
        assert repr(again) == repr(OBJECTS[name])
    blank = object.__new__(type(OBJECTS[name]))
    with pytest.raises(AttributeError):
        blank.nothing  # noqa: B018  # as pickle asks one that has nothing yet


class Broken(rb.Dense):
    @property
    def cached(self):
        return self.params.nothing


def test_the_error_of_a_property_is_its_own():
    with pytest.raises(AttributeError, match="'LayerParams' object has no attribute 'nothing'"):
        Broken(2, 2).cached  # noqa: B018


@pytest.mark.parametrize("name", ["trainable", "requires_grad", "training"])
@pytest.mark.parametrize("where", ["model", "lstm", "dense"])
def test_what_would_change_nothing_is_not_set(name, where):
    with pytest.raises(
        AttributeError,
        match=rf"{name} cannot be set; (the optimiser says what it updates|a model has no)",
    ):
        setattr(OBJECTS[where], name, False)


class Own(rb.Dense):
    """A layer of the user."""


def test_a_layer_of_one_s_own_has_attributes_of_its_own():
    layer = Own(2, 2)
    with pytest.warns(DeprecationWarning, match="assigned after __init__"):
        layer.trainable, layer.note = False, "mine"
    assert (layer.trainable, layer.note) == (False, "mine")


@pytest.mark.parametrize("rule", ["SGD", "Adagrad", "RMSProp", "Adam", "AdamW"])
def test_the_help_of_a_rule_says_what_groups_and_frozen_are(rule):
    text = pydoc.plain(pydoc.render_doc(getattr(rb.optim, rule)))
    assert "groups: options of some parameters, by pattern of names" in text
    assert "frozen: patterns of names that are not updated" in text


OF_RULES = {
    "frozen": ("lstm.*", r"optim.Adam\(model, frozen='lstm.\*'\)"),
    "groups": ({}, r"optim.AdamW\(model, groups=\{'\*bias\*': \{'weight_decay': 0.0\}\}\)"),
    "momentum": (0.9, r"optim.SGD\(model, 0.1, momentum=0.9\)"),
    "betas": ((0.9, 0.99), r"optim.Adam\(model, betas=\(0.9, 0.999\), eps=1e-8\)"),
    "weight_decay": (0.1, r"optim.AdamW\(model, weight_decay=0.01\)"),
}


@pytest.mark.parametrize("name", OF_RULES)
def test_an_option_of_the_optimizer_is_shown_where_it_goes(name):
    value, text = OF_RULES[name]
    found = model()
    with pytest.raises(
        TypeError, match=f"Trainer: unknown option '{name}'; it is the optimizer's: .*{text}"
    ):
        rb.Trainer(found, rb.optim.Adam(found), rb.losses.MeanSquaredError(), **{name: value})
