"""Weights and names of PyTorch that do not fit: what the errors say."""

import re

import numpy as np
import pytest

import rnnbp as rb

STRICT = "or give strict=False, which reads what both have and leaves the rest"


def model(n_classes=2, layers=1):
    stack = [rb.LSTM(3 if k == 0 else 4, 4, rng=k) for k in range(layers)]
    body = rb.Sequential(*stack, name="lstm")
    return rb.Sequential(body, rb.Dense(4, n_classes, name="head", rng=9))


def saved(path, model, without=(), more=(), **how):
    """A file of a model's weights less some of them, and with others."""
    from safetensors.numpy import load_file, save_file

    rb.save_weights(model, path, **how)
    arrays = {k: v for k, v in load_file(path).items() if not k.startswith(tuple(without) or "-")}
    save_file(arrays | {name: np.zeros(3, "float32") for name in more}, path)
    return path


@pytest.mark.parametrize("how", [{}, {"rename": "torch"}])
@pytest.mark.parametrize(
    "changes", [{"without": ["head."]}, {"without": ["lstm"]}, {"more": ["teacher.weight"]}]
)
def test_a_file_that_fits_in_part_names_strict(tmp_path, how, changes):
    path = saved(tmp_path / "net.safetensors", model(), **changes, **how)
    with pytest.raises(ValueError, match=STRICT):
        rb.load_weights(model(), path, **how)
    new = model()
    for p in new.params.values():
        p += 1
    with pytest.warns(UserWarning, match="strict=False"):
        rb.load_weights(new, path, strict=False, **how)
    untouched = [name for name in new.params if name.startswith(tuple(changes.get("without", "-")))]
    for name, p in model().params.items():
        assert (new.params[name] == p + (name in untouched)).all()


def test_a_file_of_ours_that_fits_in_part_names_strict_too(tmp_path):
    rb.save_weights(model()[:1], tmp_path / "body.safetensors")
    text = "build the model with the architecture that was saved; or give strict=False"
    with pytest.raises(ValueError, match=text):
        rb.load_weights(model(), tmp_path / "body.safetensors")


@pytest.mark.parametrize(
    ("other", "how"), [({"n_classes": 5}, {}), ({}, {"rename": "torch"})], ids=["shapes", "names"]
)
def test_where_strict_is_no_cure_it_is_not_named(tmp_path, other, how):
    path = saved(tmp_path / "net.safetensors", model(**other), more=["x"], **how)
    with pytest.raises(ValueError, match="Names or shapes differ") as caught:
        rb.load_weights(model(), path)
    assert "strict=" not in str(caught.value)


def test_a_weight_of_one_direction_alone_has_a_cure(tmp_path):
    path = saved(
        tmp_path / "net.safetensors", model(), more=["lstm.bias_ih_l0_reverse"], rename="torch"
    )
    with pytest.raises(ValueError, match=r"safetensors: build the model with the layers of"):
        rb.load_weights(model(), path, rename="torch")


MEANT = [
    (1, "lstm.weight_ih_l0", "'lstm.0.weight_ih'"),
    (2, "lstm.weight_ih_l0", "'lstm.0.weight_ih'"),
    (2, "lstm.weight_ih_l1", "'lstm.1.weight_ih'"),
    (2, "lstm.weight_hh_l1*", "'lstm.1.weight_hh'"),
    (2, "*.bias_hh_l1", "'lstm.1.bias_hh'"),
    (2, "encoder.bias_hh_l1", "'lstm.1.bias_hh'"),
    (1, "encoder.bias_hh_l0", "'lstm.0.bias_hh'"),
    (2, "encoder.bias_hh_l0", "'lstm.0.bias_hh' or 'lstm.1.bias_hh'"),
]


@pytest.mark.parametrize(("layers", "pattern", "meant"), MEANT)
def test_freezing_by_a_name_of_pytorch_names_the_layer_that_is_meant(layers, pattern, meant):
    with pytest.raises(ValueError, match=re.escape(f"did you mean {meant}?")):
        rb.optim.Adam(model(layers=layers), frozen=pattern)
    with pytest.raises(ValueError, match=re.escape(f"did you mean {meant}?")):
        rb.optim.Adam(model(layers=layers), groups={pattern: {"learning_rate": 1e-4}})


@pytest.mark.parametrize("pattern", ["lstm.weight_ih_l2", "lstm.kernel_l0"])
def test_a_layer_that_is_not_there_has_no_nearest(pattern):
    with pytest.raises(ValueError, match="fits no parameter; they are"):
        rb.optim.Adam(model(layers=2), frozen=pattern)


def test_a_parameter_by_a_name_of_pytorch():
    with pytest.raises(KeyError) as caught:
        model(layers=2).params["lstm.weight_ih_l1"]
    assert caught.value.__notes__ == ["did you mean 'lstm.1.weight_ih'?"]


@pytest.mark.parametrize("text", [rb.RNN.__doc__, rb.load_weights.__doc__])
def test_that_no_file_says_the_function_of_an_rnn_is_documented(text):
    assert re.search(r'nonlinearity="relu"`` build', text)
