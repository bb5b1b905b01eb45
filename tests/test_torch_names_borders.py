"""Weights from PyTorch and back, by its names: layers with several layers, directions, GRUs, dicts both ways."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

import rnnbp as rb

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def state_dict(cell="LSTM", module="rnn", layers=2, *, n_in=3, n=4, endings=("",)):
    """That of a module of PyTorch with such a layer, and ``self.head = nn.Linear(n, 2)``."""
    rng = np.random.default_rng(3)
    rows, shapes = GATES[cell] * n, {"head.weight": (2, n), "head.bias": (2,)}
    dot = f"{module}." if module else ""
    for k in range(layers):
        for end in endings:
            width = n_in if k == 0 else n * len(endings)
            shapes |= {
                f"{dot}weight_ih_l{k}{end}": (rows, width),
                f"{dot}weight_hh_l{k}{end}": (rows, n),
            }
            shapes |= {f"{dot}bias_ih_l{k}{end}": (rows,), f"{dot}bias_hh_l{k}{end}": (rows,)}
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def saved(path, tensors):
    safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})
    return path


def stacked(cell=rb.LSTM, name="rnn"):
    rnn = rb.Sequential(cell(3, 4, rng=0), rb.Dropout(0.1), cell(4, 4, rng=1), name=name)
    return rb.Sequential(rnn, rb.Dense(4, 2, name="head", rng=2))


def as_arrays(given):
    return {name: array.tolist() for name, array in given.items()}


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_two_layers_of_pytorch_come_and_go_back(cell, tmp_path):
    theirs, model = state_dict(cell), stacked(getattr(rb, cell))
    rb.load_weights(model, saved(tmp_path / "net.safetensors", theirs), rename="torch")
    np.testing.assert_array_equal(model.params["rnn.0.weight_ih"], theirs["rnn.weight_ih_l0"])
    np.testing.assert_array_equal(model.params["rnn.2.weight_ih"], theirs["rnn.weight_ih_l1"])
    np.testing.assert_array_equal(model.params["rnn.2.bias_hh"], theirs["rnn.bias_hh_l1"])
    np.testing.assert_array_equal(model.params["head.bias"], theirs["head.bias"])
    rb.save_weights(model, tmp_path / "back.safetensors", rename="torch")
    assert as_arrays(safetensors.numpy.load_file(tmp_path / "back.safetensors")) == as_arrays(
        theirs
    )


MODELS = {
    "one layer with a name": (lambda: rb.Sequential(rb.LSTM(3, 4, name="lstm"), rb.Dense(4, 2, name="head")), "lstm.weight_ih_l0"),
    "the layer itself": (lambda: rb.GRU(3, 4), "weight_ih_l0"),
    "nothing but layers": (lambda: rb.Sequential(rb.LSTM(3, 4), rb.LSTM(4, 4)), "weight_ih_l1"),
    "no names": (lambda: rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2), rb.RNN(2, 2)), "2.weight_hh_l0"),
    "a nested Sequential with others": (lambda: rb.Sequential(rb.Sequential(rb.RNN(3, 4), rb.Dense(4, 4), name="a"), rb.Dense(4, 2)), "a.0.weight_ih_l0"),
    "twelve layers": (lambda: rb.Sequential(rb.Sequential(*(rb.RNN(2, 2) for _ in range(12)), name="rnn"), rb.Dense(2, 2)), "rnn.bias_hh_l11"),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_names_of_pytorch_are_read_back(case, tmp_path):
    build, expected = MODELS[case]
    model, again = build(), build()
    rb.save_weights(model, tmp_path / "a.safetensors", rename="torch")
    assert expected in safetensors.numpy.load_file(tmp_path / "a.safetensors")
    rb.load_weights(again, tmp_path / "a.safetensors", rename="torch")
    assert again.params == model.params


def test_layers_that_are_apart_in_pytorch_are_found(tmp_path):
    """self.cells = nn.ModuleList([nn.LSTM(3, 4), nn.LSTM(4, 4)])."""
    theirs = {
        name: a
        for name, a in state_dict(layers=1, module="rnn.0").items()
        if name.startswith("rnn")
    }
    theirs |= state_dict(layers=1, module="rnn.2", n_in=4)
    model = stacked()
    rb.load_weights(model, saved(tmp_path / "a", theirs), rename="torch")
    np.testing.assert_array_equal(model.params["rnn.2.weight_ih"], theirs["rnn.2.weight_ih_l0"])


def test_a_file_under_pytorch_s_names_says_how_it_is_loaded(tmp_path):
    model, theirs = stacked(), saved(tmp_path / "theirs", state_dict())
    with pytest.raises(
        ValueError,
        match=r"theirs: if these belong together, give load_weights rename='torch'\. Names",
    ):
        rb.load_weights(model, theirs)
    rb.save_weights(model, tmp_path / "ours", rename="torch")
    with pytest.raises(
        ValueError,
        match=r"ours: if these belong together, give load_weights rename='torch'\. Names",
    ):
        rb.load_weights(model, tmp_path / "ours")


def test_one_dict_serves_both_ways(tmp_path):
    theirs = state_dict(module="lstm", layers=1)
    to_ours = {f"lstm.{key}_l0": f"0.{key}" for key in rb.LSTM(3, 4).params} | {
        "head.weight": "1.weight"
    }
    to_ours["head.bias"] = "1.bias"
    to_torch = {ours: name for name, ours in to_ours.items()}
    net = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2))
    for rename in (to_ours, to_torch):
        rb.load_weights(net, saved(tmp_path / "theirs", theirs), rename=rename)
        rb.save_weights(net, tmp_path / "back", rename=rename)
        assert as_arrays(safetensors.numpy.load_file(tmp_path / "back")) == as_arrays(theirs)
    with pytest.raises(ValueError, match="rename has a name twice"):
        rb.save_weights(net, tmp_path / "back", rename={"a": "1.bias", "b": "1.bias"})


def test_what_rename_did_is_in_the_proposal(tmp_path):
    model = rb.Sequential(rb.Sequential(rb.LSTM(3, 4), rb.LSTM(4, 4), name="rnn"), rb.Dense(4, 2))
    path = saved(tmp_path / "a", state_dict())
    with pytest.raises(
        ValueError, match=r"'rnn.weight_ih_l1': 'rnn.1.weight_ih'.*1.weight is missing"
    ) as caught:
        rb.load_weights(model, path, rename="torch")
    rename = eval(str(caught.value).partition("rename=")[2].partition(". Names")[0])
    rb.load_weights(model, path, rename=rename)
    np.testing.assert_array_equal(model.params["1.bias"], state_dict()["head.bias"])


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_a_file_of_both_directions_says_that_they_are_not_there_yet(cell, tmp_path):
    path = saved(tmp_path / "bi", state_dict(cell, layers=1, endings=("", "_reverse")))
    model = rb.Sequential(getattr(rb, cell)(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    text = rf"bidirectional; both directions are not there yet: run one {cell} on x, one on x\[::-1\].*_reverse is unexp"
    for rename in (None, "torch", lambda name: name.removesuffix("_l0")):
        with pytest.raises(ValueError, match=text):
            rb.load_weights(model, path, rename=rename)


def test_one_direction_of_both_is_loaded(tmp_path):
    theirs = state_dict(layers=1, endings=("", "_reverse"))
    back, end = rb.LSTM(3, 4), "_l0_reverse"
    rename = {name: name[4:].removesuffix(end) if name.endswith(end) else None for name in theirs}
    rb.load_weights(back, saved(tmp_path / "bi", theirs), rename=rename)
    np.testing.assert_array_equal(back.params["weight_hh"], theirs["rnn.weight_hh_l0_reverse"])


def test_a_gru_as_in_the_paper_is_not_pytorch_s(tmp_path):
    model = rb.Sequential(rb.GRU(3, 4, reset_after=False, name="rnn"), rb.Dense(4, 2, name="head"))
    path = saved(tmp_path / "gru", state_dict("GRU", layers=1))
    for rename in (None, "torch"):
        with pytest.raises(
            ValueError, match=r"gru: build the GRU with reset_after=True, its default"
        ):
            rb.load_weights(model, path, rename=rename)
    with pytest.raises(
        ValueError, match=r"GRU\(reset_after=False\) has no counterpart in PyTorch; build it with"
    ):
        rb.save_weights(model, tmp_path / "back", rename="torch")
    assert not (tmp_path / "back").exists()


def test_a_projection_is_named(tmp_path):
    theirs = state_dict(layers=1) | {"rnn.weight_hr_l0": np.zeros((2, 4), "float32")}
    model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    with pytest.raises(
        ValueError, match=r"a layer with proj_size; for a smaller output write Sequential\(LSTM"
    ):
        rb.load_weights(model, saved(tmp_path / "a", theirs), rename="torch")


def test_lists_of_names_are_short_and_last(tmp_path):
    with pytest.raises(
        ValueError, match=r"a: build the model.*: 0.weight_ih is missing; .*; and 8 more$"
    ):
        rb.load_weights(
            rb.Sequential(rb.RNN(7, 7), rb.RNN(7, 7)), saved(tmp_path / "a", state_dict(layers=1))
        )


def test_metadata_have_their_name(tmp_path):
    model, path = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2)), tmp_path / "a.safetensors"
    to_torch = {"0.weight_ih": "lstm.weight_ih_l0"}
    for call in ({"metadata": to_torch}, {}):
        with pytest.raises(
            TypeError, match="the dict of parameters' names is no metadata; give it as rename="
        ):
            rb.save_weights(model, path, *([] if call else [to_torch]), **call)
    with pytest.raises(
        TypeError, match=r"the third argument is .*; give metadata=, or rename= for other names"
    ):
        rb.save_weights(model, path, lambda name: name)
    with pytest.raises(
        TypeError, match=r"the third argument is 'torch'; give metadata=, or rename="
    ):
        rb.save_weights(model, path, "torch")
    assert not path.exists()
    with pytest.warns(DeprecationWarning, match="now metadata=") as caught:
        rb.save_weights(model, path, {"epoch": 3})
    assert caught[0].filename == __file__
    assert rb.load_weights(model, path) == {"epoch": 3}
    with pytest.warns(DeprecationWarning, match="now metadata="):
        rb.save_weights(model, path, {})


@pytest.mark.parametrize(
    "name", ["best.pt", "best.pth", "best.h5", "best.npz", "BEST.PT", "w.keras"]
)
def test_an_ending_of_another_format_warns(name, tmp_path):
    model = rb.Dense(2, 2)
    with pytest.warns(
        UserWarning, match=r"it is a safetensors file whatever its ending; call it \*.safetensors"
    ) as seen:
        rb.save_weights(model, tmp_path / name)
    assert seen[0].filename == __file__
    assert rb.load_weights(model, tmp_path / name) == {}


@pytest.mark.parametrize("content", [b"text " * 50, b"{}" * 100, bytes(200)])
def test_what_is_no_safetensors_file_is_called_so(content, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(
        rb.StorageError,
        match=r"w.safetensors is no safetensors file, or is cut short; give one that",
    ):
        rb.load_weights(rb.Dense(2, 2), tmp_path / "w.safetensors")


def test_what_strict_false_leaves_out_is_said(tmp_path):
    model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 5, name="new"))
    path = saved(tmp_path / "a", state_dict(layers=1))
    with pytest.warns(
        UserWarning,
        match="left as they are: new.weight; new.bias. not in the model, and not read: head",
    ) as w:
        rb.load_weights(model, path, rename="torch", strict=False)
    assert w[0].filename == __file__
    np.testing.assert_array_equal(
        model.params["rnn.weight_ih"], state_dict(layers=1)["rnn.weight_ih_l0"]
    )
    rename = dict.fromkeys(("head.weight", "head.bias")) | {
        f"rnn.{k}_l0": k for k in rb.LSTM(3, 4).params
    }
    assert rb.load_weights(rb.LSTM(3, 4), path, rename=rename, strict=False) == {"format": "pt"}


def test_more_layers_than_the_model_has_are_named_with_what_they_are_here(tmp_path):
    apart = rb.Sequential(
        rb.LSTM(3, 4, name="rnn0"), rb.LSTM(4, 4, name="rnn1"), rb.Dense(4, 2, name="head")
    )
    one = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    text = r"several layers of PyTorch's in one are rnnbp.Sequential\(LSTM\(...\), LSTM\(...\), name='rnn'\)"
    for model in (apart, one):
        with pytest.raises(ValueError, match=text):
            rb.load_weights(model, saved(tmp_path / "a", state_dict()), rename="torch")


class Tensor:
    """What PyTorch's is to NumPy."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_within_one_process_no_file_is_needed():
    net = {name: Tensor(a) for name, a in state_dict(layers=1).items()}
    model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    with pytest.raises(
        ValueError, match=r"PyTorch's end in _l0, give \{name.removesuffix\('_l0'\): value for"
    ):
        model.params.update(net)
    model.params.update({name.removesuffix("_l0"): value for name, value in net.items()})
    np.testing.assert_array_equal(model.params["rnn.weight_hh"], net["rnn.weight_hh_l0"].array)
    with pytest.raises(
        ValueError,
        match=r"no parameter is called 'rnn.weigth_ih', did you mean 'rnn.weight_ih'\?; the net",
    ):
        model.params.update({"rnn.weigth_ih": 0})


WRONG = {
    "the path first": (lambda m, p: rb.save_weights(p, m), r"save_weights takes \(model, path\), found .*; the model comes first"),
    "the parameters": (lambda m, p: rb.save_weights(m.params, p), "it has the parameters, give the model itself"),
    "the path first, to load": (lambda m, p: rb.load_weights(p, m), r"load_weights takes \(model, path\), found .*; the model comes first"),
    "a dict of arrays": (lambda m, p: rb.load_weights(m, m.params.copy()), r"are written by model.params.update\(arrays\)"),
    "nearly torch": (lambda m, p: rb.save_weights(m, p, rename="pytorch"), "did you mean 'torch'?"),
    "a device": (lambda m, p: rb.load_weights(m, p, map_location="cpu"), "everything is on the CPU; leave it out"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_of_files_are_named(case, tmp_path):
    call, text = WRONG[case]
    with pytest.raises(TypeError, match=text):
        call(stacked(), tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()
