"""Arguments that do not exist: the error names a way around, the name here, or the nearest."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
import rnnbp.missing

X = np.zeros((5, 2, 3), "float32")
MSE = rb.losses.MeanSquaredError()


def model() -> Any:
    return rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 1, rng=0))


def bptt(**options: Any) -> Any:
    return rb.bptt(model(), X, np.zeros((5, 2, 1), "float32"), MSE, **options)


MISSING: dict[str, tuple[Callable[[], Any], str]] = {
    "bidirectional": (
        lambda: rb.LSTM(3, 4, bidirectional=True),
        r"LSTM: unknown option 'bidirectional'; both directions .* Bidirectional\(LSTM\(n_in, n\), LSTM",
    ),
    "bidirectional GRU": (
        lambda: rb.GRU(3, 4, bidirectional=True),
        r"Bidirectional\(GRU\(n_in, n\), GRU\(n_in, n\)\)",
    ),
    "Keras's direction": (
        lambda: rb.RNN(3, 4, go_backwards=True),
        r"RNN: unknown option 'go_backwards'; the other direction is an option, reverse=True",
    ),
    "reverse of a run": (
        lambda: rb.predict(model(), X, reverse=True),
        r"predict: .*as LSTM\(n_in, n, reverse=True\)",
    ),
    "num_layers": (
        lambda: rb.LSTM(3, 4, num_layers=2),
        r"Sequential\(LSTM\(n_in, n\), LSTM\(n, n\)\)",
    ),
    "by position": (
        lambda: rb.GRU(3, 4, 2),
        r"takes n_in, n by position, found 3 arguments; for several layers write Sequential\(GRU",
    ),
    "dropout": (
        lambda: rb.MinGRU(3, 4, dropout=0.1),
        r"Sequential\(MinGRU\(n_in, n\), Dropout\(0.1\), MinGRU\(n, n\)\)",
    ),
    "recurrent dropout": (
        lambda: rb.MinGRU(3, 4, recurrent_dropout=0.1),
        "a Cell of your own can have it",
    ),
    "batch_first": (
        lambda: rb.LSTM(3, 4, batch_first=True),
        r"time comes first here.*x.swapaxes\(0, 1\)",
    ),
    "batch_first of a run": (
        lambda: bptt(batch_first=True),
        r"time comes first here.*x.swapaxes\(0, 1\)",
    ),
    "return_sequences": (
        lambda: rb.GRU(3, 4, return_sequences=True),
        r"predict\(model, x, last=True\)",
    ),
    "stateful": (
        lambda: rb.LSTM(3, 4, stateful=True),
        r"y, state = predict\(model, x, state=state\)",
    ),
    "proj_size": (lambda: rb.GRU(3, 4, proj_size=2), r"Dense\(n, proj_size, bias=False\)"),
    "lengths of predict": (
        lambda: rb.predict(model(), X, seq_len=[5, 3]),
        r"predict: .*take lengths=, the steps \(B,\) of each row",
    ),
    "lengths of evaluate": (
        lambda: rb.evaluate(model(), X, None, MSE, seq_lens=[5]),
        r"evaluate: .*take lengths=, .*Sequences takes a list of arrays",
    ),
    "grad_output": (lambda: bptt(grad_output=X), r"with target=dy"),
    "activation": (
        lambda: rb.Dense(3, 4, activation="relu"),
        r"Sequential\(Dense\(...\), Tanh\(\)\)",
    ),
    "padding_idx": (lambda: rb.Embedding(3, 4, padding_idx=0), "mask=ids != 0"),
    "batch_size": (
        lambda: rb.fit(model(), X, MSE, batch_size=2),
        r"Sequences\(x, target, batch_size=32\)",
    ),
    "weight_decay": (
        lambda: rb.Trainer(model(), None, MSE, weight_decay=0.1),
        r"optim.AdamW\(model, weight_decay=0.01\)",
    ),
    "clipping": (lambda: rb.optim.Adam(model(), clipnorm=1.0), "give clip_norm to fit or Trainer"),
    "device": (lambda: rb.LSTM(3, 4, device="cpu"), "runs on the CPU; leave it out"),
}
ELSEWHERE: dict[str, tuple[Callable[[], Any], str]] = {
    "grad_final": (lambda: bptt(grad_final=None), "'grad_final', it is called 'dstate' here"),
    "units": (
        lambda: rb.LSTM(3, units=4),
        r"'units', it is called 'n' here; help\(rnnbp.LSTM\) has all that it takes$",
    ),
    "hidden_size": (
        lambda: rb.GRU(input_size=3, hidden_size=4),
        "'input_size', it is called 'n_in' here",
    ),
    "out_features": (
        lambda: rb.Dense(3, out_features=4),
        "'out_features', it is called 'n_out' here",
    ),
    "kernel_size": (
        lambda: rb.Conv1D(3, 4, kernel_size=2),
        "'kernel_size', it is called 'kernel' here",
    ),
    "num_embeddings": (
        lambda: rb.Embedding(num_embeddings=3, embedding_dim=4),
        "'num_embeddings', it is called 'n_symbols'",
    ),
    "use_bias": (lambda: rb.LSTM(3, 4, use_bias=False), "'use_bias', it is called 'bias' here"),
    "rate": (lambda: rb.Dropout(rate=0.1), "'rate', it is called 'p' here"),
    "betas": (lambda: rb.optim.Adam(model(), beta_1=0.9), "'beta_1', it is called 'betas' here"),
    "rho": (lambda: rb.optim.RMSProp(model(), rho=0.9), "'rho', it is called 'alpha' here"),
    "epochs": (
        lambda: rb.fit(model(), X, MSE, n_epochs=3),
        "fit: .*'n_epochs', it is called 'epochs' here",
    ),
    "validation": (
        lambda: rb.fit(model(), X, MSE, validation_data=X),
        "'validation_data', it is called 'validation' here",
    ),
    "sample_weight": (lambda: bptt(sample_weight=X), "'sample_weight', it is called 'mask' here"),
    "initial_state": (
        lambda: rb.predict(model(), X, initial_state=X),
        "'initial_state', it is called 'state' here",
    ),
    "budget": (lambda: bptt(budget="64 MB"), "'budget', it is called 'checkpoint' here"),
    "batch": (
        lambda: rb.plan(model(), MSE, steps=9, batch_size=2, budget="1 MB"),
        "'batch_size', it is called 'batch' here",
    ),
    "summary": (
        lambda: model().summary(steps=9, batch_size=2),
        r"summary: unknown option 'batch_size', it is called 'batch' here",
    ),
    "criterion": (
        lambda: rb.bptt(model(), X, criterion=MSE),
        "'criterion', it is called 'loss' here",
    ),
}
NEAREST: dict[str, tuple[Callable[[], Any], str]] = {
    "cell": (lambda: rb.LSTM(3, 4, forgetbias=1.0), "did you mean 'forget_bias'"),
    "layer": (
        lambda: rb.Dense(3, 4, biass=False),
        r"Dense: unknown option 'biass' \(did you mean 'bias'\?\); it takes n_in, n_out, bias",
    ),
    "optimiser": (lambda: rb.optim.SGD(model(), momentun=0.9), "SGD: .*did you mean 'momentum'"),
    "loss": (lambda: rb.losses.CrossEntropy(label_smooting=0.1), "did you mean 'label_smoothing'"),
    "loss without any": (lambda: rb.losses.MeanSquaredError(power="sum"), "'power'; it takes none"),
    "schedule": (lambda: rb.schedules.Revolve(slot=4), "did you mean 'slots'"),
    "online": (lambda: rb.schedules.Online(slot=4), "did you mean 'slots'"),
    "rate": (lambda: rb.optim.StepDecay(0.1, evry=3), "did you mean 'every'"),
    "trainer": (
        lambda: rb.Trainer(model(), None, MSE, checkpont="all"),
        "Trainer: .*did you mean 'checkpoint'",
    ),
    "source": (lambda: rb.Sequences(X, None, batch_sise=2), "did you mean 'batch_size'"),
    "windows": (lambda: rb.Windows(X, None, horizn=2, batch_size=2), "did you mean 'horizon'"),
    "backend": (lambda: rb.Backend("numpy", witout=()), "did you mean 'without'"),
    "plan": (
        lambda: rb.plan(model(), MSE, stepss=9, batch=2, budget=9),
        "plan: .*did you mean 'steps'",
    ),
    "by capital letters": (lambda: bptt(Chunk=4), "did you mean 'chunk'"),
    "backprop": (
        lambda: rb.backprop(model(), X, X, MSE, maske=X),
        "backprop: .*did you mean 'mask'",
    ),
    "by position": (
        lambda: rb.bptt(model(), X, X, MSE, "sqrt"),
        "takes model, x, target, loss by position, found 5 .*as checkpoint=",
    ),
    "missing": (lambda: rb.LSTM(64), r"LSTM: n missing; give LSTM\(n_in, n\)"),
    "missing, by name alone": (
        lambda: rb.plan(rb.LSTM(2, 3), budget="1 MB"),
        r"plan: steps, batch missing; give plan\(model, steps=\.\.\., batch=\.\.\., budget=\.\.\.\)$",
    ),
    "missing target": (
        lambda: rb.bptt(model(), X),
        r"target, loss missing; give bptt\(model, x, target, loss\)",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_is_missing_names_the_way_around(case: str) -> None:
    call, text = MISSING[case]
    with pytest.raises(TypeError, match=text):
        call()


@pytest.mark.parametrize("case", ELSEWHERE)
def test_names_of_other_libraries_are_translated(case: str) -> None:
    call, text = ELSEWHERE[case]
    with pytest.raises(TypeError, match=text):
        call()


@pytest.mark.parametrize("case", NEAREST)
def test_else_the_nearest_name_and_where_all_of_them_are(case: str) -> None:
    call, text = NEAREST[case]
    with pytest.raises(TypeError, match=text):
        call()


def test_the_ways_around_run_as_they_are_written() -> None:
    assert doctest.testmod(rnnbp.missing).failed == 0


def final_state_loss(encoder: Any, decoder: Any, x: Any, target: Any) -> float:
    return rb.evaluate(decoder, x, target, MSE, state=rb.predict(encoder, x)[1])[0]


def test_the_gradient_by_a_final_state_is_that_of_differences() -> None:
    """An encoder whose state starts a decoder."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(6, 2, 3)), rng.normal(size=(6, 2, 4))
    encoder, decoder = rb.LSTM(3, 4, rng=0, dtype="float64"), rb.LSTM(3, 4, rng=1, dtype="float64")
    decoded = rb.bptt(decoder, x, target, MSE, state=rb.predict(encoder, x)[1])
    nothing = lambda y, _: (0.0, np.zeros_like(y))  # noqa: E731
    encoded = rb.bptt(encoder, x, np.zeros((6, 2, 4)), nothing, dstate=decoded.dstate)
    found = encoded.grads["weight_hh"][3, 2]
    weight, losses = encoder.params["weight_hh"], []
    for step in (1e-5, -2e-5):
        weight[3, 2] += step
        losses.append(final_state_loss(encoder, decoder, x, target))
    assert found == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6)


class Mine(rb.Layer):
    """A user's layer with an option of its own."""

    def __init__(self, n: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.n, self.gain, self.params = n, gain, {}

    def forward(self, *xs: Any, **context: Any) -> Any:
        return self.gain * xs[0], ()

    def backward_inputs(self, saved: Any, dy: Any) -> Any:
        return (self.gain * dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def test_so_it_is_for_layers_of_ones_own() -> None:
    with pytest.raises(
        TypeError, match=r"Mine: unknown option 'gian' \(did you mean 'gain'\?\); it takes n, gain"
    ):
        Mine(3, gian=2.0)  # type: ignore[call-arg]
    assert Mine(3, gain=2.0)(np.ones(3))[0] == 2.0


def test_copies_pickles_and_signatures_are_as_they_were() -> None:
    layer = rb.Dense(3, 4, rng=0)
    for other in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert (other.params["weight"] == layer.params["weight"]).all()
    assert list(inspect.signature(rb.Dense).parameters)[:3] == ["n_in", "n_out", "bias"]
    assert list(inspect.signature(rb.bptt).parameters)[:4] == ["model", "x", "target", "loss"]
    assert str(inspect.signature(rb.losses.MeanSquaredError)) == "()"


def test_the_old_name_of_a_rate_goes_on_with_its_warning_at_the_users_line() -> None:
    with pytest.warns(DeprecationWarning, match="learning_rate") as caught:
        assert rb.optim.Adam(model(), lr=0.5).learning_rate == 0.5  # type: ignore[call-arg]
    assert caught[0].filename == __file__
