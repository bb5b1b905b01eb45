"""Products of bfloat16 are asked for by name: what is refused, and where it is recorded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.main import main
from tests.helpers import assert_same_named, reals
from tests.rounded_runs import LOSS

pytest.importorskip("llvmlite")


@pytest.fixture
def backend() -> rb.Backend:
    return rb.Backend("llvm", precision="bfloat16")


def test_it_is_another_backend_and_named(backend: rb.Backend) -> None:
    assert repr(backend) == "Backend(name='llvm', without=(), precision='bfloat16')"
    assert repr(rb.Backend("llvm")) == "Backend(name='llvm', without=())"
    assert backend != rb.Backend("llvm")
    assert rb.Backend("llvm", precision="float32") == rb.Backend("llvm")


def test_others_are_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match="did you mean 'bfloat16'"):
        rb.Backend("llvm", precision="bfloat")  # type: ignore[arg-type]
    for name in ("numpy", "interpreter"):
        with pytest.raises(ValueError, match=f"found '{name}'; use name='llvm', or leave"):
            rb.Backend(name, precision="bfloat16")


def test_an_array_is_no_precision() -> None:
    with pytest.raises(ValueError, match=r"precision .*array.* is unknown; use 'float32' or"):
        rb.Backend("llvm", precision=np.zeros(2))  # type: ignore[arg-type]  # wrong on purpose


def test_a_backend_is_replaced_in_parts(backend: rb.Backend) -> None:
    assert replace(backend, tape_bits=16, precision="float32") == rb.Backend("llvm", tape_bits=16)


@pytest.mark.parametrize(("name", "value"), [("PRECISION", "bfloat16"), ("TAPE_BITS", "16")])
def test_what_the_environment_asks_of_numpy_is_refused_by_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    monkeypatch.setenv(f"RNNBP_{name}", value)
    with pytest.raises(ValueError, match=f"'numpy'; use .*, or leave .* and RNNBP_{name} unset"):
        rb.Backend()


def test_a_model_of_float64_is_refused(backend: rb.Backend) -> None:
    model, x = rb.LSTM(3, 4, rng=0, dtype="float64"), reals(5, 2, 3)
    with pytest.raises(TypeError, match=re.escape("float64; use model.astype('float32')")):
        rb.bptt(model, x, reals(5, 2, 4), LOSS, backend=backend)


def test_a_cell_that_runs_as_python_is_refused(backend: rb.Backend) -> None:
    class Own(rb.Layer):
        """A layer without ``lower``."""

        n_inputs = 1

        def output_shapes(self, *shapes: object) -> tuple[object, ...]:
            return shapes

        def forward(self, x: object) -> tuple[object, tuple[object, ...]]:
            return x, ()

        def backward_inputs(self, saved: object, dy: object) -> object:
            return dy

    x, h = rb.Input(3), rb.Input(3)
    found = rb.Tanh()(Own()(rb.Dense((3, 3), 3, rng=0)(x, h)))
    model = rb.Recurrent(rb.Cell((x,), {h: found}, output=found))
    with pytest.raises(ValueError, match=r"by Own.*; write lower of such a layer"):
        rb.bptt(model, reals(5, 2, 3, dtype="float32"), reals(5, 2, 3), LOSS, backend=backend)


def test_the_environment_chooses_where_no_backend_is_named(
    backend: rb.Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = rb.LSTM(3, 40, rng=0), reals(5, 2, 3, dtype="float32")
    exact = rb.predict(model, x)[0]
    monkeypatch.delenv("RNNBP_BACKEND", raising=False)
    monkeypatch.setenv("RNNBP_PRECISION", "bfloat16")
    assert rb.Backend() == backend
    assert rb.Backend("llvm").precision == rb.Backend("interpreter").precision == "float32"
    assert 1e-5 < np.abs(rb.predict(model, x)[0] - exact).max() < 1e-2
    monkeypatch.setenv("RNNBP_PRECISION", "half")
    with pytest.raises(ValueError, match="RNNBP_PRECISION"):
        rb.Backend()


def _trainer(folder: Path, precision: str | None) -> tuple[rb.Trainer, rb.Sequences]:
    model = rb.Sequential(rb.LSTM(3, 16, rng=0), rb.Dense(16, 2, rng=1))
    x, target = reals(8, 9, 3, dtype="float32"), reals(8, 9, 2, dtype="float32", seed=1)
    trainer = rb.Trainer(
        model, "adam", LOSS, folder=folder, precision=precision, progress=False,  # type: ignore[arg-type]
        validation=rb.Sequences(x, target, batch_size=4),
    )  # fmt: skip
    return trainer, rb.Sequences(x, target, batch_size=4)


def test_a_trainer_has_it_and_goes_on_with_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RNNBP_BACKEND", raising=False)
    whole, data = _trainer(tmp_path / "whole", "bfloat16")
    whole.fit(data, epochs=2)
    assert whole.precision == "bfloat16"
    half, _ = _trainer(tmp_path / "half", "bfloat16")
    half.fit(data, epochs=1)
    for other in (None, "float32"):
        with pytest.raises(ValueError, match="precision"):
            _trainer(tmp_path / "half", other)[0].resume()
    again, _ = _trainer(tmp_path / "half", "bfloat16")
    again.resume().fit(data, until_epochs=2)
    assert_same_named(again.model.params, whole.model.params)
    exact, _ = _trainer(tmp_path / "exact", None)
    exact.fit(data, epochs=2)
    assert not np.array_equal(exact.model.params["0.weight_hh"], whole.model.params["0.weight_hh"])
    for other in ("float32", None):
        _trainer(tmp_path / "exact", other)[0].resume()
    with pytest.raises(ValueError, match="precision"):
        _trainer(tmp_path / "exact", "bfloat16")[0].resume()
    _trainer(tmp_path / "exact", "bfloat16")[0].resume(override=("backend",))
    assert rb.Backend().precision == "float32"  # after all of them


def test_a_trainer_refuses_what_it_cannot_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNBP_BACKEND", raising=False)
    model = rb.LSTM(3, 4, rng=0, dtype="float64")
    with pytest.raises(TypeError, match="float64"):
        rb.Trainer(model, "adam", LOSS, precision="bfloat16")


def test_the_command_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RNNBP_BACKEND", raising=False)
    Path("text").write_text("to be or not to be, that is the question. " * 99, encoding="utf-8")
    small = ["--units", "8", "--embedding", "4", "--batch", "4", "--quiet", "--steps", "2"]
    given = ["train", "--text", "text", *small, "--out"]
    assert main([*given, "a", "--precision", "bfloat16"]) == 0
    assert json.loads(Path("a/run.json").read_text())["settings"]["precision"] == "bfloat16"
    monkeypatch.setenv("RNNBP_PRECISION", "float32")
    assert main(["train", "--resume", "a"]) == 0
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    assert main([*given, "b", "--precision", "bfloat16"]) == 1
    assert "found 'numpy'; use name='llvm'" in capsys.readouterr().err
    assert not Path("b").exists()
