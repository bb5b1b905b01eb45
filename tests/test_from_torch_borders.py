"""What ``from_torch`` refuses or warns of, with the path of the submodule; copies and sharing."""

from __future__ import annotations

import re
from collections import OrderedDict

import numpy as np
import pytest

import rnnbp as rb

torch = pytest.importorskip("torch")
nn = torch.nn
from_torch = rb.interchange.from_torch


class Net(nn.Module):
    """As users write them."""

    def __init__(self):
        super().__init__()
        self.rnn, self.loss = nn.LSTM(3, 4, num_layers=2), nn.MSELoss()
        self.head = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))

    def forward(self, x):
        return self.head(self.rnn(x)[0][-1])


class Own(nn.Sequential):
    """A chain with a forward of its own."""

    def forward(self, x):
        return 2 * super().forward(x)


def within(module):
    """At encoder.0."""
    return nn.Sequential(OrderedDict(encoder=nn.Sequential(module)))


def changed(module, **attributes):
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


def hooked(method):
    module = nn.Linear(2, 2)
    getattr(module, method)(lambda *_: None)
    return module


def weight_normed():
    module = nn.Linear(2, 2)
    return nn.utils.parametrizations.weight_norm(module)


def with_nan():
    module = nn.GRU(2, 3)
    with torch.no_grad():
        module.weight_hh_l0[1, 2] = float("nan")
    return module


def with_buffer():
    module = nn.Linear(2, 2)
    module.register_buffer("count", torch.zeros(1))
    return module


REFUSED = {
    "attention": (lambda: nn.MultiheadAttention(4, 2), "nn.MultiheadAttention has no counterpart; give layers={nn.MultiheadAttention: function}"),
    "a cell": (lambda: nn.GRUCell(2, 3), "nn.GRUCell has no counterpart; its weights have the same names in a layer over time: build rnnbp.GRU"),
    "a norm of the batch": (lambda: nn.BatchNorm1d(3), "nn.BatchNorm1d has no counterpart; in evaluation it is affine: fold it"),
    "a list": (lambda: nn.ModuleList([nn.Tanh()]), "nn.ModuleList has no counterpart; it calls none of its modules"),
    "an empty chain": (lambda: nn.Sequential(), "nn.Sequential is empty; use nn.Identity"),
    "a forward of its own": (lambda: Own(nn.Tanh()), "Own has no counterpart; what it computes is in its forward"),
    "a forward put there": (lambda: changed(nn.Tanh(), forward=torch.sin), "nn.Tanh has no counterpart; give layers="),
    "parallel": (lambda: nn.DataParallel(nn.Tanh()), "DataParallel has no counterpart; convert the module within, module.module"),
    "groups": (lambda: nn.Conv1d(4, 4, 3, groups=2), "nn.Conv1d has groups=2, here it is 1 alone"),
    "padding of copies": (lambda: nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), "nn.Conv2d has padding_mode='circular'"),
    "ceil": (lambda: nn.MaxPool1d(2, ceil_mode=True), "nn.MaxPool1d has ceil_mode=True"),
    "dilated": (lambda: nn.MaxPool2d(2, dilation=(1, 2)), r"nn.MaxPool2d has dilation=(1, 2), here it is 1 alone"),
    "indices": (lambda: nn.MaxPool1d(2, return_indices=True), "nn.MaxPool1d has return_indices=True"),
    "without padding": (lambda: nn.AvgPool1d(3, padding=1, count_include_pad=False), "nn.AvgPool1d has count_include_pad=False"),
    "a divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), "nn.AvgPool2d has divisor_override=3"),
    "max_norm": (lambda: nn.Embedding(3, 2, max_norm=1.0), "nn.Embedding has max_norm=1.0, here it is None alone"),
    "scaled by counts": (lambda: nn.Embedding(3, 2, scale_grad_by_freq=True), "nn.Embedding has scale_grad_by_freq=True"),
    "an axis": (lambda: nn.Softmax(dim=1), "nn.Softmax has dim=1, here it is that of the features alone; set module.dim = -1"),
    "no axis": (lambda: nn.LogSoftmax(), "nn.LogSoftmax has dim=None"),
    "unknown axes": (lambda: nn.Flatten(), "nn.Flatten has start_dim=1, end_dim=-1, and an unknown number of feature axes"),
    "not the last axis": (lambda: nn.Unflatten(1, (2, 2)), r"nn.Unflatten has dim=1, unflattened_size=(2, 2); give it dim=-1"),
    "drops all": (lambda: nn.Dropout(1.0), "nn.Dropout has p=1, and drops all"),
    "drops all between": (lambda: nn.GRU(2, 3, 2, dropout=1.0), "nn.GRU has dropout=1 between its layers"),
    "a slope below 0": (lambda: nn.LeakyReLU(-0.1), "nn.LeakyReLU has negative_slope=-0.1"),
    "an alpha below 0": (lambda: nn.ELU(-0.5), "nn.ELU has alpha=-0.5"),
    "a low threshold": (lambda: nn.Softplus(threshold=5), "nn.Softplus has beta=1.0, threshold=5"),
    "a hook": (lambda: hooked("register_forward_hook"), "nn.Linear has hooks, which would be lost: <lambda>"),
    "a hook before": (lambda: hooked("register_forward_pre_hook"), "nn.Linear has hooks"),
    "a hook backward": (lambda: hooked("register_full_backward_hook"), "nn.Linear has hooks"),
    "weight_norm": (weight_normed, "ParametrizedLinear computes weight by a parametrization; weight_norm and spectral_norm are taken off"),
    "lazy": (lambda: nn.LazyLinear(3), "nn.LazyLinear: weight has no shape yet; run the module on a batch"),
    "meta": (lambda: nn.Linear(2, 2, device="meta"), "nn.Linear: weight is on the meta device"),
    "NaN": (with_nan, "nn.GRU: weight_hh_l0 has nan at [1, 2], weights must be finite"),
    "a buffer": (with_buffer, "nn.Linear has count, which its class does not have"),
    "complex": (lambda: nn.Linear(2, 2, dtype=torch.complex64), "nn.Linear: weight is complex64; weights are float32 or float64"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_module_that_cannot_be_expressed_is_named(case):
    build, text = REFUSED[case]
    with pytest.raises(ValueError, match=rf"^from_torch: encoder\.0: {re.escape(text)}"):
        from_torch(within(build()))


def test_two_dtypes_and_two_orders_of_axes_are_refused():
    with pytest.raises(
        ValueError, match=r"0\.weight is float32, 1\.weight is float64; a model has"
    ):
        from_torch(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()))
    with pytest.raises(ValueError, match="1 with batch_first=True, others without; set the attr"):
        from_torch(nn.Sequential(nn.GRU(2, 2), nn.GRU(2, 2, batch_first=True)))
    for given in (nn.Linear, {"weight": 1}, rb.Dense(2, 2)):
        with pytest.raises(TypeError, match="from_torch takes a module of PyTorch, found"):
            from_torch(given)
    with pytest.raises(TypeError, match="batch_first"):
        from_torch(nn.Tanh(), batch_first=True)


def test_the_error_for_a_class_of_ones_own_has_the_lines_that_convert_it():
    net = Net()
    with pytest.raises(ValueError, match="Net has no counterpart; what it computes is in its") as e:
        from_torch(net)
    code = re.search(r"rnnbp\.Sequential\(.*?\n\)", str(e.value), re.DOTALL)
    model = eval(
        code[0].replace("name='rnn'),", "name='rnn'), rnnbp.Last(),"), {"rnnbp": rb, "net": net}
    )
    x = np.random.default_rng(0).normal(size=(5, 2, 3)).astype("float32")
    found = rb.predict(model, x)[0]
    np.testing.assert_allclose(found, net(torch.tensor(x)).detach(), rtol=1e-5, atol=1e-6)
    for p in net.parameters():
        p.data.zero_()
    net.load_state_dict(rb.interchange.to_torch(model).state_dict())
    assert torch.equal(net(torch.tensor(x)), rb.interchange.to_torch(model)(torch.tensor(x)))


def test_a_class_of_ones_own_is_converted_by_a_function():
    class Double(nn.Module):
        pass

    net = nn.Sequential(nn.Linear(2, 3), Double())
    model = from_torch(net, layers={Double: lambda module: rb.Scale(2.0)})
    x = np.random.default_rng(0).normal(size=(1, 4, 2)).astype("float32")
    found = rb.predict(model, x)[0]
    np.testing.assert_allclose(found, 2 * net[0](torch.tensor(x)).detach(), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:from_torch")
@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: nn.LSTM(2, 3, batch_first=True), "LSTM with batch_first=True; time comes first"),
        (lambda: within(nn.GRU(2, 3, batch_first=True)), r"encoder\.0 with batch_first=True"),
        (lambda: within(nn.Embedding(3, 2, padding_idx=0)), r"encoder\.0: nn\.Embedding has padding_idx=0"),
        (lambda: nn.Linear(2, 3).half(), "has weights of float16, which are float32"),
        (lambda: nn.RNN(2, 3).bfloat16(), "has weights of bfloat16, which are float32"),
    ],
)  # fmt: skip
def test_what_is_otherwise_here_is_a_warning(build, text):
    net = build()
    with pytest.warns(UserWarning, match=text) as caught:
        model = from_torch(net)
    assert [w.filename for w in caught] == [__file__]
    exact = {name: p.float() for name, p in net.state_dict().items()}
    rows = rb.interchange.load_torch_weights(from_torch(net.float()), exact)
    assert all((model.params[r.ours] == exact[r.theirs].numpy()).all() for r in rows)


def test_weights_are_copied_and_what_is_shared_stays_shared():
    twice, tied = nn.Linear(3, 3), nn.Linear(3, 3)
    net = nn.Sequential(nn.Embedding(3, 3), twice, nn.Tanh(), twice, tied)
    tied.weight = net[0].weight
    model = from_torch(net)
    assert [*model.params] == ["0.weight", "1.weight", "1.bias", "4.bias"]
    assert model[1] is model[3]
    assert model[0].params["weight"] is model[4].params["weight"]
    before = {path: p.copy() for path, p in model.params.items()}
    with torch.no_grad():
        for p in net.parameters():
            p.add_(1)
    assert all((model.params[path] == p).all() for path, p in before.items())
