"""Names and options of PyTorch and Keras: each error says what to write here, in one line."""

import re

import numpy as np
import pytest

import rnnbp as rb

X = np.random.default_rng(0).normal(size=(8, 5, 3)).astype("float32")
Y = X[..., :1].copy()
MSE = rb.losses.MeanSquaredError()


def model():
    return rb.Sequential(rb.RNN(3, 4, name="rnn", rng=0), rb.Dropout(0.1), rb.Dense(4, 1, rng=1))


def data():
    return rb.Sequences(X, Y, batch_size=4)


LONG = {
    "fit": (lambda: rb.fit(model(), data(), MSE, learning_ratee=1), "did you mean 'learning_rate'"),
    "fit, nothing like it": (lambda: rb.fit(model(), data(), MSE, colour=1), "'colour'"),
    "fit, of Keras": (lambda: rb.fit(model(), data(), MSE, verbose=0), "it is called 'progress'"),
    "Trainer": (lambda: rb.Trainer(model(), "adam", MSE, patiance=3), "did you mean 'patience'"),
    "bptt": (lambda: rb.bptt(model(), X, Y, MSE, chunks=3), "did you mean 'chunk'"),
    "LSTM": (lambda: rb.LSTM(3, 4, biass=False), "did you mean 'bias'"),
    "compare.sweep": (lambda: rb.compare.sweep(model(), X, Y, MSE, colour=1), "'colour'"),
}


@pytest.mark.parametrize("name", LONG)
def test_an_unknown_option_names_the_one_that_was_meant_and_the_help_of_the_others(name):
    call, meant = LONG[name]
    with pytest.raises(TypeError, match=meant) as caught:
        call()
    assert str(caught.value).endswith(f"; help(rnnbp.{name.split(',')[0]}) has all that it takes")
    assert len(str(caught.value)) < 120
    place = re.search(r"help\(rnnbp\.(.*)\)", str(caught.value))[1]
    assert eval(f"rb.{place}.__doc__", {"rb": rb})


TRAINS = {
    "EarlyStopping": "fit and Trainer take patience=, with validation=",
    "ModelCheckpoint": "fit and Trainer take folder=",
    "DataLoader": "Sequences, Windows, Examples or Batches",
    "Adam": "it is rnnbp.optim.Adam",
    "LSTM": "it is rnnbp.LSTM",
    "CrossEntropyLoss": "it is called rnnbp.losses.CrossEntropy here",
    "Sequence": "did you mean 'Sequences'?",
}


@pytest.mark.parametrize("name", TRAINS)
def test_train_answers_to_names_of_other_libraries(name):
    with pytest.raises(AttributeError, match=re.escape(TRAINS[name])):
        getattr(rb.train, name)


OPTIONS = {
    "T_max": (lambda: rb.optim.Cosine(1e-3, T_max=100), "it is called 'steps' here"),
    "eta_min": (lambda: rb.optim.Cosine(1e-3, steps=9, eta_min=0), "it is called 'floor' here"),
    "step_size": (lambda: rb.optim.StepDecay(1e-3, step_size=9), "it is called 'every' here"),
    "gamma": (lambda: rb.optim.StepDecay(1e-3, 9, gamma=0.1), "it is called 'factor' here"),
    "warmup_steps": (
        lambda: rb.optim.WarmUp(rb.optim.Constant(1e-3), warmup_steps=9),
        "it is called 'steps' here: WarmUp(Cosine(1e-3, steps=1000), steps=100)",
    ),
    "warmup_steps of fit": (
        lambda: rb.fit(model(), data(), MSE, warmup_steps=9),
        "learning_rate=rnnbp.optim.WarmUp(rnnbp.optim.Cosine(1e-3, steps=1000), steps=100)",
    ),
    "horizon of fit": (
        lambda: rb.fit(model(), data(), MSE, horizon=9),
        "rnnbp.Windows(x, target, horizon=50, batch_size=1)",
    ),
    "horizon of Trainer": (
        lambda: rb.Trainer(model(), "adam", MSE, horizon=9),
        "rnnbp.Windows(x, target, horizon=50, batch_size=1)",
    ),
    "horizon of Sequences": (
        lambda: rb.Sequences(X, Y, batch_size=4, horizon=9),
        "rnnbp.Windows(x, target, horizon=50, batch_size=1)",
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_of_other_libraries_is_translated(case):
    call, text = OPTIONS[case]
    with pytest.raises(TypeError, match=re.escape(text)):
        call()


METRICS = {
    "r2": "from metrics=['mse'] it is 1 - mse / np.var(target)",
    "R2Score": "from metrics=['mse'] it is 1 - mse / np.var(target)",
    "rmse": "it is the root of 'mse'",
    "mape": "give lambda y, target: abs(y / target - 1)",
    "f1": "compute it from y = rnnbp.predict(model, data)",
    "acc": "did you mean 'accuracy'?",
}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_that_is_not_there_has_the_way_to_it(name):
    with pytest.raises(ValueError, match=re.escape(METRICS[name])):
        rb.evaluate(model(), data(), MSE, metrics=[name])


def test_the_way_to_r2_is_right():
    net, target = model(), Y
    mse = rb.evaluate(net, data(), MSE, metrics=["mse"])["mse"]
    y = rb.predict(net, data())
    wanted = 1 - ((y - target) ** 2).sum() / ((target - target.mean()) ** 2).sum()
    assert 1 - mse / np.var(target) == pytest.approx(wanted, rel=1e-5)


OF_NAMES = {
    "the model": (model(), "'rnn.*'"),
    "a layer with a name": (rb.GRU(3, 4, name="enc"), "'enc.*'"),
    "a layer without": (rb.LSTM(3, 4), "layer"),
    "a model without names": (rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2)), "'0.*'"),
    "a Sequential within": (rb.Sequential(rb.LSTM(3, 4), name="body"), "'body.*'"),
}


@pytest.mark.parametrize("case", OF_NAMES)
def test_freezing_is_the_optimisers_by_a_name_of_this_model(case):
    where, frozen = OF_NAMES[case]
    text = f"{re.escape(f'rnnbp.optim.Adam(model, frozen={frozen})')}$"
    for name in ("requires_grad", "requires_grad_", "trainable", "freeze"):
        with pytest.raises(AttributeError, match=text):
            getattr(where, name)
    with pytest.raises(AttributeError, match=text):
        where.trainable = False


def test_layers_of_a_chain_by_their_place():
    net = model()
    assert net[0] is net.layers[0]
    assert net[-1] is net.layers[2]
    assert [*net] == [*net.layers]
    with pytest.raises(IndexError):
        net[3]


def test_a_slice_of_a_chain_shares_its_parameters():
    net = model()
    body, head = net[:2], net[2:]
    assert list(body.params) == ["rnn.weight_ih", "rnn.bias_ih", "rnn.weight_hh", "rnn.bias_hh"]
    assert head.params["0.weight"] is net.params["2.weight"]
    x = X.swapaxes(0, 1)
    assert (rb.predict(head, rb.predict(body, x)[0])[0] == rb.predict(net, x)[0]).all()


@pytest.mark.parametrize(("at", "kind"), [(3, IndexError), ("0", TypeError), (1.0, TypeError)])
def test_a_layer_that_is_not_there_is_no_matter_of_tuples(at, kind):
    net = rb.Sequential(rb.Dense(2, 3), rb.Tanh(), rb.Dense(3, 1))
    with pytest.raises(kind, match="Sequential: layers have the numbers 0 to 2, found"):
        net[at]
