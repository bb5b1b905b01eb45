"""Objects of PyTorch where this library's are expected: the error says which of ours to build."""

from __future__ import annotations

import re

import numpy as np
import pytest

import rnnbp
import rnnbp as rb

CONVERT = "convert it by rnnbp.interchange.from_torch(module), or build it as"
READ = "and read its weights by rnnbp.load_weights(model, net.state_dict(), rename='torch')"


class Module:
    """What PyTorch's has: its attributes, and its children by name."""

    def __init__(self, **attributes):
        self._modules = {
            name: value for name, value in attributes.items() if isinstance(value, Module)
        }
        vars(self).update(attributes)

    def state_dict(self):
        return {}


def torchs(name, base=Module):
    return type(name, (base,), {"__module__": f"torch.nn.modules.{name.lower()}"})


Module.__module__ = "torch.nn.modules.module"
LINEAR, LSTM, RNN, CONV, SEQUENTIAL = map(torchs, ("Linear", "LSTM", "RNN", "Conv3d", "Sequential"))
ADAM = torchs("Adam", torchs("Optimizer", object))
LINEAR_6_4 = LINEAR(in_features=6, out_features=4, bias=np.ones(4))
LSTM_2 = {"input_size": 3, "hidden_size": 4, "num_layers": 2, "bias": True, "dropout": 0.1}
Net = type("Net", (Module,), {"__module__": "__main__"})
BUILT = {
    "Linear": (LINEAR_6_4, "rnnbp.Dense(6, 4)"),
    "without a bias": (
        LINEAR(in_features=6, out_features=4, bias=None),
        "rnnbp.Dense(6, 4, bias=False)",
    ),
    "two layers": (
        LSTM(**LSTM_2),
        "rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp.Dropout(0.1), rnnbp.LSTM(4, 4))",
    ),
    "both directions": (
        LSTM(**LSTM_2 | {"num_layers": 1}, bidirectional=True),
        "rnnbp.Bidirectional(rnnbp.LSTM(3, 4), rnnbp.LSTM(3, 4))",
    ),
    "two layers of both directions": (
        LSTM(**LSTM_2 | {"dropout": 0}, bidirectional=True),
        "rnnbp.Sequential(rnnbp.Bidirectional(rnnbp.LSTM(3, 4), rnnbp.LSTM(3, 4)), "
        "rnnbp.Bidirectional(rnnbp.LSTM(8, 4), rnnbp.LSTM(8, 4)))",
    ),
    "relu": (
        RNN(**LSTM_2 | {"num_layers": 1, "bias": False, "nonlinearity": "relu"}),
        "rnnbp.RNN(3, 4, bias=False, activation='relu')",
    ),
    "a Sequential": (
        SEQUENTIAL(**{"0": LINEAR_6_4, "1": torchs("Tanh")()}),
        "rnnbp.Sequential(rnnbp.Dense(6, 4), rnnbp.Tanh())",
    ),
    "a class of the user's": (
        Net(
            rnn=LSTM(**LSTM_2 | {"num_layers": 1}),
            head=LINEAR(in_features=4, out_features=2, bias=1),
        ),
        "rnnbp.Sequential(rnnbp.LSTM(3, 4, name='rnn'), rnnbp.Dense(4, 2, name='head'))",
    ),
}


@pytest.mark.parametrize("case", BUILT)
def test_a_module_says_how_it_is_built_here(case):
    module, built = BUILT[case]
    text = f"{re.escape(f'; {CONVERT} {built}, {READ}')}$"
    for call in (
        lambda: rb.Sequential(module),
        lambda: rb.predict(module, np.zeros((5, 2, 6), "float32")),
        lambda: rb.Trainer(module, "adam", rb.losses.MeanSquaredError()),
        lambda: rb.optim.Adam(module),
        lambda: rb.save_weights(module, "a.safetensors"),
    ):
        with pytest.raises(TypeError, match=rf" PyTorch's.*{text}|, a Module of PyTorch's{text}"):
            call()
    assert isinstance(eval(built, {"rnnbp": rnnbp}), rb.Layer | rb.Graph | rb.Recurrent)


def test_what_cannot_be_read_off_is_built_by_hand():
    for module in (Net(), CONV(), Net(**{"x" * 400: LINEAR_6_4})):
        with pytest.raises(
            TypeError, match=r"build it of layers of rnnbp, in a rnnbp.Sequential, and read"
        ):
            rb.predict(module, np.zeros((5, 2, 6), "float32"))
    with pytest.raises(TypeError, match=r"rnnbp.Sequential\(rnnbp.Dense\(6, 4, name='a'\), ...\)"):
        rb.predict(Net(a=LINEAR_6_4, b=CONV()), np.zeros((5, 2, 6), "float32"))


WAYS = {
    "a norm": (torchs("BatchNorm1d")(), "PyTorch's BatchNorm1d; there is LayerNorm"),
    "a cell": (torchs("LSTMCell")(), "PyTorch's LSTMCell; LSTMCell is the attribute cell of a layer"),
    "a class": (LINEAR, "PyTorch's Linear; give rnnbp.Dense"),
}  # fmt: skip


@pytest.mark.parametrize("case", WAYS)
def test_what_is_not_there_has_its_way_around(case):
    module, text = WAYS[case]
    with pytest.raises(TypeError, match=f"Sequential: item 0 is {text}"):
        rb.Sequential(module)


@pytest.mark.parametrize("rate", [0.02, 1e-5])
def test_an_optimizer_says_which_it_is_here_with_its_rate(rate):
    theirs, model = ADAM(), rb.Sequential(rb.LSTM(3, 4))
    theirs.param_groups = [{"lr": rate}]
    data = rb.Sequences(np.zeros((2, 5, 3)), np.zeros((2, 5, 4)), batch_size=2)
    text = rf"found PyTorch's Adam; give rnnbp.optim.Adam\(model, learning_rate={rate}\)$"
    for call in (
        lambda: rb.fit(model, data, rb.losses.MeanSquaredError(), theirs),
        lambda: rb.Trainer(model, theirs, rb.losses.MeanSquaredError()),
    ):
        with pytest.raises(TypeError, match=text):
            call()
    with pytest.raises(TypeError, match=r"found PyTorch's Adam; give rnnbp.optim.Adam\(model\)$"):
        rb.Trainer(model, ADAM, rb.losses.MeanSquaredError())


def test_parameters_a_schedule_and_a_module_for_its_weights():
    model = rb.Sequential(rb.LSTM(3, 4))
    with pytest.raises(TypeError, match=r"found generator; give the model, Adam\(model\)$"):
        rb.optim.Adam(p for p in [1, 2])
    with pytest.raises(TypeError, match=r"PyTorch's Adadelta; give one of rnnbp.optim, as rnnbp"):
        rb.Trainer(model, torchs("Adadelta", ADAM.__base__)(), rb.losses.MeanSquaredError())
    with pytest.raises(TypeError, match=r"PyTorch's StepLR; give rnnbp.optim.StepDecay"):
        rb.optim.Adam(model, torchs("StepLR", object)())
    with pytest.raises(TypeError, match=r"found PyTorch's Net; give its state_dict\(\)$"):
        rb.load_weights(model, Net(rnn=LINEAR_6_4), rename="torch")
