"""What ``to_torch`` returns, by time or by batch first, and what it refuses, with the path."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import rnnbp as rb

torch = pytest.importorskip("torch")
to_torch = rb.interchange.to_torch
X = np.random.default_rng(0).normal(size=(5, 2, 3)).astype("float32")


def tokens():
    """Layers with names, one run of two without."""
    rnn = rb.Sequential(rb.GRU(3, 4, rng=0), rb.Dropout(0.2), rb.GRU(4, 4, rng=1), name="rnn")
    return rb.Sequential(rnn, rb.Last(), rb.Dense(4, 2, name="head", rng=2))


REFUSED = {
    "reset_after": (lambda: rb.GRU(2, 3, reset_after=False), "has reset_after=False, which"),
    "peepholes": (lambda: rb.LSTM(2, 3, peepholes=True), "has peepholes=True, which"),
    "coupled": (lambda: rb.LSTM(2, 3, coupled=True), "has coupled=True, which"),
    "layer_norm": (lambda: rb.RNN(2, 3, layer_norm=True), "has layer_norm=True, which"),
    "leak": (lambda: rb.RNN(2, 3, leak=0.5), "has leak=0.5, which"),
    "zoneout": (lambda: rb.LSTM(2, 3, zoneout=(0, 0.1)), "has zoneout_c within its cell, which"),
    "dropout": (lambda: rb.GRU(2, 3, recurrent_dropout=0.1), "has recurrent_dropout within its cell"),
    "learned": (lambda: rb.LSTM(2, 3, initial="learned"), "has initial='learned', which"),
    "reverse": (lambda: rb.LSTM(2, 3, reverse=True), "has reverse=True without the other direction"),
    "another cell": (lambda: rb.MinGRU(2, 3), "has a cell that is not RNN, LSTM or GRU, which"),
    "merge": (lambda: rb.Bidirectional(rb.RNN(2, 3), rb.RNN(2, 3), "sum"), "has merge='sum', which"),
    "two sizes": (lambda: rb.Bidirectional(rb.RNN(2, 3), rb.RNN(2, 4)), "has directions that differ"),
    "a layer": (lambda: rb.Gain(3), "Gain(3) has no counterpart in PyTorch; ONNX has"),
    "noise": (lambda: rb.GaussianNoise(0.1), "has no counterpart"),
    "one mask": (lambda: rb.Dropout(0.1, per="sequence"), "has no counterpart"),
    "a scale": (lambda: rb.Scale(2.0, 1.0), "has no counterpart"),
    "a bias alone": (lambda: rb.LayerNorm(3, weight=False), "has no counterpart"),
    "reshaped": (lambda: rb.Reshape((2, 3), (3, 2)), "has no counterpart"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_layer_that_pytorch_does_not_have_is_named(case):
    build, text = REFUSED[case]
    model = rb.Sequential(rb.Sequential(rb.Identity(), build(), name="encoder"))
    with pytest.raises(ValueError, match=rf"^to_torch: encoder\.1: .*{re.escape(text)}") as e:
        to_torch(model)
    assert "rnnbp.interchange.to_onnx(model, path)" in str(e.value)


def test_a_long_cell_is_cut_in_an_error_and_its_name_is_there():
    x, h = rb.Input(2), rb.State(3, "h")
    h_new = sum((rb.Tanh()(rb.Dense((2, 3), 3)(x, h)) for _ in range(9)), start=h)
    model = rb.Sequential(rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new), name="sums"))
    with pytest.raises(ValueError, match=r"^to_torch: sums: Recurrent\(.* \.\.\. has a cell") as e:
        to_torch(model)
    assert len(str(e.value)) < 350


def test_names_that_a_module_cannot_have_and_what_is_no_model_are_refused():
    with pytest.raises(ValueError, match=r"^to_torch: a: Tanh\(name='forward'\) is called as an"):
        to_torch(rb.Sequential(rb.Sequential(rb.Tanh(name="forward"), name="a")))
    with pytest.raises(TypeError, match="to_torch takes a model, found 3"):
        to_torch(3)
    with pytest.raises(TypeError, match="batch_first"):
        to_torch(rb.Tanh(), batch_first=2)


def test_the_state_dict_has_the_names_of_a_module_of_ones_own():
    net = to_torch(tokens())
    names = [
        f"rnn.{n}_l{k}" for k in (0, 1) for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    assert [*net.state_dict()] == [*names, "head.weight", "head.bias"]
    assert (net.rnn.num_layers, net.rnn.dropout) == (2, 0.2)
    apart = rb.Sequential(rb.GRU(3, 4, name="a"), rb.GRU(4, 4, name="b"))
    assert [type(part).__name__ for part in to_torch(apart)] == ["GRU", "GRU"]


@pytest.mark.parametrize("over", [rb.Last, rb.MeanOverTime, rb.MaxOverTime])
def test_batch_first_and_what_is_over_time(over):
    model = rb.Sequential(rb.LSTM(3, 4, rng=0), over(), rb.Dense(4, 2, rng=1))
    wanted = rb.predict(model, X)[0]
    net, turned = to_torch(model), to_torch(model, batch_first=True)
    np.testing.assert_allclose(net(torch.tensor(X)).detach(), wanted, rtol=1e-5, atol=1e-6)
    found = turned(torch.tensor(X.swapaxes(0, 1)))
    np.testing.assert_allclose(found.detach(), wanted, rtol=1e-5, atol=1e-6)
    assert repr(rb.interchange.from_torch(net)) == repr(model)
    with pytest.warns(UserWarning, match="from_torch: 0, 1 with batch_first=True"):
        assert repr(rb.interchange.from_torch(turned)) == repr(model)


def test_one_layer_alone_is_pytorchs_own_module():
    net = to_torch(rb.LSTM(3, 4, rng=0))
    y, (h, c) = net(torch.tensor(X))
    assert (type(net), y.shape, h.shape, c.shape) == (
        torch.nn.LSTM,
        (5, 2, 4),
        (1, 2, 4),
        (1, 2, 4),
    )
    plain = to_torch(rb.Sequential(rb.Dense(3, 2), rb.Tanh()))
    assert type(plain) is torch.nn.Sequential


def test_a_module_is_pickled_and_drawing_goes_on_as_it_would_have():
    before = torch.random.get_rng_state()
    net = to_torch(tokens()).eval()
    assert torch.equal(before, torch.random.get_rng_state())
    again = pickle.loads(pickle.dumps(net))
    assert torch.equal(again(torch.tensor(X)), net(torch.tensor(X)))


def test_what_is_shared_is_shared_there_and_nothing_with_the_model():
    part = rb.LSTM(3, 4, rng=0)
    both = rb.Bidirectional(part, rb.Recurrent(part.cell, reverse=True))
    twice = rb.Dense(8, 8, rng=1)
    model = rb.Sequential(both, twice, rb.Tanh(), twice)
    net = to_torch(model)
    assert net[0].weight_ih_l0 is net[0].weight_ih_l0_reverse
    assert net[1] is net[3]
    y = net(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(rb.predict(model, X)[0], y, rtol=1e-5, atol=1e-6)
    for p in model.params.values():
        p[...] = 0
    assert (net(torch.tensor(X)).detach().numpy() == y).all()
    assert all(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_symbols_as_vectors_have_the_dtype_of_the_weights(dtype):
    model = rb.Sequential(rb.OneHot(5), rb.GRU(5, 4, dtype=dtype, rng=0))
    x = np.random.default_rng(0).integers(0, 5, (6, 2))
    net = to_torch(model)
    found = net(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(rb.predict(model, x)[0], found, rtol=1e-5, atol=1e-6)
    assert found.dtype == dtype
    assert repr(rb.interchange.from_torch(net)) == repr(model)


def test_functions_of_several_layers_are_known_by_their_layers():
    x = rb.Input(3)
    net = to_torch(rb.Sequential(rb.Graph(x, x * rb.Sigmoid()(x)), rb.Clip(high=2)))
    assert [type(part).__name__ for part in net] == ["SiLU", "Hardtanh"]
    found = net(torch.tensor([-1.0, 5.0]))
    np.testing.assert_allclose(found, [-1 / (1 + np.e), 2], rtol=1e-6)


def test_a_graph_that_is_a_chain_is_one_and_others_are_refused():
    x = rb.Input(3)
    rnn, head = rb.LSTM(3, 4, name="rnn", rng=0), rb.Dense(4, 2, rng=1)
    net = to_torch(rb.Graph(x, head(rb.Tanh()(rnn(x)))))
    model = rb.Sequential(rnn, rb.Tanh(), head)
    assert [*net.state_dict()][-2:] == ["2.weight", "2.bias"]
    wanted = rb.predict(model, X)[0]
    np.testing.assert_allclose(net(torch.tensor(X)).detach(), wanted, rtol=1e-5, atol=1e-6)
    skip = rb.Graph(x, rb.Dense(4, 3)(rnn(x)) + x, name="skip")
    with pytest.raises(ValueError, match=r"^to_torch: skip: a Graph that is no chain of layers"):
        to_torch(rb.Sequential(skip, rb.Tanh()))
    y, state = rnn(x, return_state=True)
    with pytest.raises(ValueError, match=r"^to_torch: a Graph that is no chain of layers"):
        to_torch(rb.Graph(x, (y, state[0])))
