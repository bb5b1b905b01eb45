"""Layers of a user's own in the file of a model: by name and options, and given to ``load``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays, reals
from tests.saved_models import Swish, Tilt, assert_same_gradients, assert_same_slots, loaded

OWN: dict[str, Any] = {"Swish": Swish, "Tilt": Tilt}


class Kept(Swish):
    """Has what a test passes as attributes."""

    def __init__(self, beta: Any = 1.0, **more: Any) -> None:
        super().__init__()
        vars(self).update(more)
        self.beta = beta


class Plain(Swish):
    """Holds anything."""

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.given = given


class Hidden(Swish):
    """Does not show its argument."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__(2 * slope)


class Doubled(Swish):
    """Shows another number than it was given."""

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = 2 * beta


class Drawn(Swish):
    """Draws its slopes anew."""

    def __init__(self, rng: int | None = None) -> None:
        super().__init__()
        self.beta = np.random.default_rng(rng).normal(size=3)


class Wrapping(rb.Layer):
    """Runs a Dense that it holds, whose parameters are its own."""

    def __init__(self, n: int, *, copied: bool = False) -> None:
        super().__init__()
        self.n, self.copied, self.inner = n, copied, rb.Dense(n, n)
        self.params = dict(self.inner.params) if copied else self.inner.params

    def forward(self, x: Any, **context: Any) -> Any:
        return self.inner.forward(x)

    def backward_inputs(self, saved: Any, dy: Any) -> Any:
        return self.inner.backward_inputs(saved, dy)

    def backward_params(self, saved: Any, dy: Any) -> Any:
        return self.inner.backward_params(saved, dy)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def saved(layer: Any, tmp_path: Path) -> None:
    rb.save(rb.Sequential(rb.Dense(3, 3, rng=0), layer), tmp_path / "model")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_have_the_same_bits(dtype: str, tmp_path: Path) -> None:
    tilt, swish = Tilt(3, reals(3), dtype=dtype, rng=4), Swish(1.5, name="swish")
    x, h = rb.Input(3), rb.State(3, "h")
    cell = rb.Cell(x, {h: swish(x) + tilt(h)}, output=h)
    model = rb.Sequential(tilt, rb.Recurrent(cell), swish)
    found = loaded(model, tmp_path, OWN | {"Other": Swish})
    assert (found[2].beta, found[2].name) == (1.5, "swish")
    assert found[0] in found[1].cell.layers
    assert_same_slots(found, model)
    assert_same_gradients(found, model)


@pytest.mark.parametrize("copied", [False, True])
def test_parameters_are_written_into_the_arrays_that_the_layer_has(
    copied: bool, tmp_path: Path
) -> None:
    """So that a layer within it has them too."""
    model = rb.Sequential(Wrapping(3, copied=copied))
    found = loaded(model, tmp_path, {"Wrapping": Wrapping})
    assert_same_arrays(found[0].inner.params.values(), model[0].params.values())
    assert_same_gradients(found, model)


def test_an_array_that_is_tied_to_a_layer_of_the_library(tmp_path: Path) -> None:
    tilt, norm = Tilt(3, np.zeros(3)), rb.LayerNorm(3)
    norm.params["weight"] = tilt.params["tilt"]
    for model in (rb.Sequential(tilt, norm), rb.Sequential(norm, tilt)):
        assert_same_slots(loaded(model, tmp_path, OWN), model)


def test_a_class_with_the_name_of_one_of_the_library(tmp_path: Path) -> None:
    own = type("Tanh", (Swish,), {})
    model = rb.Sequential(own(2.0), rb.Tanh())
    found = loaded(model, tmp_path, {"Tanh": own})
    assert [type(each) for each in found.blocks] == [own, rb.Tanh]
    with pytest.raises(ValueError, match="not rnnbp's: Tanh"):
        rb.load(tmp_path / "model.safetensors")


def test_a_function_may_build_them(tmp_path: Path) -> None:
    saved(Swish(3.0), tmp_path)
    found = rb.load(tmp_path / "model", layers={"Swish": lambda beta: Swish(beta / 2)})
    assert found[1].beta == 1.5


def test_options_of_every_kind(tmp_path: Path) -> None:
    given = (1, -2.5e-300, "λ", None, True, ((), [3, (4,)]), {"a": [np.arange(3, dtype="int8")]})
    saved(Plain(given), tmp_path)
    found = rb.load(tmp_path / "model", {"Plain": Plain})[1].given
    np.testing.assert_equal(found, given)
    assert [type(each) for each in found] == [type(each) for each in given]
    assert found[-1]["a"][0].dtype == np.int8


def test_without_layers_the_error_names_them_and_the_cure(tmp_path: Path) -> None:
    rb.save(rb.Sequential(Swish(), Tilt(3, np.zeros(3)), Swish(2.0)), tmp_path / "model")
    cure = r"Swish, Tilt; .* load\(path, layers=\{'Swish': Swish, 'Tilt': Tilt\}\)"
    with pytest.raises(ValueError, match=f"layers that are not rnnbp's: {cure}"):
        rb.load(tmp_path / "model")
    with pytest.raises(ValueError, match=r"Tilt \(did you mean 'Tilted'\?\); .*\{'Tilt': Tilt\}"):
        rb.load(tmp_path / "model", {"Swish": Swish, "Tilted": Tilt})


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (Hidden(), r"its argument 'slope' is no attribute of it; give it a method get_config\(\)"),
        (Doubled(), r"its attribute 'beta' is 2.0, and 4.0 in one .* by Doubled\(beta=2.0\)"),
        (Drawn(), r"its attribute 'beta' is an array of shape \(3,\), and an array of shape"),
        (Kept(), r"its constructor takes \*\*more"),
        (Plain(rb.Tanh()), r"given is Tanh\(\), of type Tanh; a file holds finite numbers"),
        (Plain(np.float64(1.5)), "given is np.float64.*, of type float64"),
        (Plain(float("nan")), "given is nan, of type float"),
        (Plain({1: 2}), r"given is \{1: 2\}, of type dict"),
        (Plain(np.zeros(2, complex)), "given is an array of shape"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_could_not_be_loaded_is_refused(layer: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"(?s)save to .*{type(layer).__name__}\(.*{says}"):
        saved(layer, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_does_not_build_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for config, says in (
        ({"n": 4}, r"Tilt was called with \(n=4\), and raised TypeError: .*shift"),
        ({"n": 4, "shift": np.zeros(3)}, r"of the parameters \{'tilt': \(4,\)\}, where the one"),
        ([1], r"get_config\(\) returned \[1\]; let it return a dict"),
    ):
        monkeypatch.setattr(Tilt, "get_config", lambda self, config=config: config)
        with pytest.raises(ValueError, match=says):
            saved(Tilt(3, np.zeros(3)), tmp_path)


def test_two_classes_of_one_name(tmp_path: Path) -> None:
    other = type("Swish", (Swish,), {})
    with pytest.raises(ValueError, match="two classes of one name, Swish; call one"):
        rb.save(rb.Sequential(Swish(), other()), tmp_path / "model")


def test_what_layers_may_be(tmp_path: Path) -> None:
    saved(Swish(), tmp_path)
    path = tmp_path / "model"
    with pytest.raises(TypeError, match=r"as layers=\{'Gain': Gain\}, found \["):
        rb.load(path, [Swish])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"layers has 'Swish': Swish\(\); give the class"):
        rb.load(path, {"Swish": Swish()})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"\(beta=1.0\), and returned 3; let it return a rnnbp"):
        rb.load(path, {"Swish": lambda beta: 3})
    with pytest.raises(ValueError, match=r"and raised TypeError: .*unexpected"):
        rb.load(path, {"Swish": lambda: Swish()})
    with pytest.raises(ValueError, match=r"returned a layer of the parameters \{'tilt'"):
        rb.load(path, {"Swish": lambda beta: Tilt(3, np.zeros(3))})
    one = Swish()
    rb.save(rb.Sequential(Swish(), Swish()), path)
    with pytest.raises(ValueError, match="returned one layer twice"):
        rb.load(path, {"Swish": lambda beta: one})


def test_two_parameters_of_a_layer_that_are_one_array(tmp_path: Path) -> None:
    layer = Wrapping(3, copied=True)
    one, two = rb.Dense((3, 3), 3, rng=0), rb.Dense(3, 3, rng=1)
    one.params["weight_1"] = one.params["weight_0"]
    layer.params["bias"] = two.params["bias"]
    x = rb.Input(3)
    model = rb.Graph(x, one(layer(x), two(x)))
    assert_same_slots(loaded(model, tmp_path, {"Wrapping": Wrapping}), model)
