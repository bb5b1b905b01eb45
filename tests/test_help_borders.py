"""``help`` of the package is a page, and the names that are looked for are on it."""

from __future__ import annotations

import pydoc
import re
from types import ModuleType

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.rng import Context

PAGE = pydoc.plain(pydoc.render_doc(rb)).partition("PACKAGE CONTENTS")


@pytest.mark.quick
def test_help_of_the_package_is_a_page() -> None:
    page, _, rest = PAGE
    assert len(page.splitlines()) <= 60
    assert max(map(len, page.splitlines())) <= 100
    assert "class " not in rest
    assert (
        len(rest.splitlines()) <= 100
    )  # the modules, a line each, which pydoc adds to any package


def test_every_public_name_is_on_the_page() -> None:
    words = set(re.findall(r"\w+", (rb.__doc__ or "").partition("Networks\n")[2]))
    assert set(rb.__all__) - words == set()


@pytest.mark.quick
def test_names_are_there_for_whoever_else_asks() -> None:
    assert set(rb.__all__) <= set(dir(rb))
    assert "__version__" in dir(rb)
    found: dict[str, object] = {}
    exec("from rnnbp import *", found)
    assert set(rb.__all__) == set(found) - {"__builtins__"}


PAGES = [
    rb.layers,
    rb.train,
    rb.losses,
    rb.schedules,
    rb.optim,
    rb.compare,
    rb.estimators,
    rb.parallel,
]


@pytest.mark.parametrize("module", PAGES)
def test_help_of_a_module_is_a_page_with_each_of_its_names(module: ModuleType) -> None:
    page, _, rest = pydoc.plain(pydoc.render_doc(module)).partition("PACKAGE CONTENTS")
    assert set(module.__all__) - set(re.findall(r"\w+", page)) == set()
    assert f"as ``help({module.__name__}." in page
    assert len(page.splitlines()) <= 110
    assert re.search(r"class |__getattr__", rest) is None


@pytest.mark.parametrize("module", [*PAGES, rb.memory, rb.actions, rb.initializers])
def test_dir_of_a_module_lists_what_a_reader_looks_for(module: ModuleType) -> None:
    """Its public names; not the modules that it is made of, or what it imports."""
    assert dir(module) == sorted(module.__all__)
    assert {"annotations", "conv", "refusing", "TYPE_CHECKING", "names_of"}.isdisjoint(dir(rb))
    assert set(dir(rb)) - set(rb.__all__) == {"__version__", "missing", "estimators", "interchange"}


@pytest.mark.parametrize("module", [rb.memory, rb.actions, rb.initializers])
def test_help_of_a_small_module_has_its_functions_in_full(module: ModuleType) -> None:
    text = pydoc.plain(pydoc.render_doc(module))
    assert set(module.__all__) - set(re.findall(r"\w+", text)) == set()
    assert "refuse(" not in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bptt", "rnnbp.release_memory()"),
        ("predict", "rnnbp.release_memory()"),
        ("LSTM", "help(rnnbp.Options)"),
        ("GRU", "help(rnnbp.Options)"),
        ("RNN", "help(rnnbp.Options)"),
        ("Layer", "context.normal(x.shape, draw=1)"),
        ("Context", "so pass 0, 1, 2, ..."),
    ],
)
def test_what_was_not_found_is_in_help(name: str, text: str) -> None:
    assert text in pydoc.plain(pydoc.render_doc(getattr(rb, name)))


def test_help_of_cells_names_the_layers_that_run_as_python() -> None:
    layers = [name for name in rb.layers.__all__ if name not in ("Keeps", "Layer")]
    opaque = {name for name in layers if getattr(rb, name).lower is rb.Layer.lower}
    sentence = (rb.Cell.__doc__ or "").partition("runs as Python:")[2].partition("names those")[0]
    assert opaque == set(re.findall(r"\w+", sentence)) & set(layers)


def test_every_option_is_described() -> None:
    text = rb.Options.__doc__ or ""
    assert all(
        re.search(rf"^    (\w+, )*{name}[:,]", text, re.M) for name in rb.Options.__annotations__
    )


def test_normal_numbers_are_normal() -> None:
    found = Context(seed=1).normal((200_000,))
    moments = [float((found.astype(float) ** k).mean()) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.05)
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_numbers_are_those_of_the_step_whatever_the_chunk(name: str) -> None:
    whole = getattr(Context(seed=5, step=10, length=6, place=2), name)((6, 3, 4))
    parts = [
        getattr(Context(5, 10 + k, n, 2), name)((n, 3, 4)) for k, n in ((0, 1), (1, 4), (5, 1))
    ]
    assert np.array_equal(whole, np.concatenate(parts))
    assert np.array_equal(getattr(Context(5, 13, place=2), name)((3, 4)), whole[3])
    one = getattr(Context(seed=5, step=10, length=6, place=2), name)((6, 3, 4), every_step=False)
    assert np.array_equal(one[0], one[5])


@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_a_second_call_needs_another_draw(name: str) -> None:
    draws = getattr(Context(seed=5, step=10), name)
    assert np.array_equal(draws((3, 4)), draws((3, 4)))
    assert not np.intersect1d(draws((3, 4)), draws((3, 4), draw=1)).size


def test_the_numbers_of_dropout_are_as_they_were() -> None:
    key = np.array([7, 3], np.uint64)
    before = np.random.Generator(np.random.Philox(key=key, counter=[0, 11, 0, 0])).random(
        (2, 5), dtype=np.float32
    )
    assert np.array_equal(Context(seed=7, step=11, place=3).uniform((2, 5)), before)


class Noise(rb.Layer):
    """Noise that is added."""

    random = True
    passes = True

    def forward(
        self, x: np.ndarray, *, context: Context | None = None
    ) -> tuple[np.ndarray, tuple[()]]:
        return (
            (x, ())
            if context is None or not context.training
            else (x + 0.5 * context.normal(x.shape), ())
        )

    def backward_inputs(self, saved: tuple[()], dy: np.ndarray) -> tuple[np.ndarray, ...]:
        return (dy,)

    def output_shapes(self, *shapes: tuple[int, ...] | None) -> tuple[tuple[int, ...] | None, ...]:
        return shapes

    def keeps(self, *shapes: tuple[int, ...]) -> rb.Keeps:
        return rb.Keeps()


def test_a_layer_with_noise_has_the_same_bits_under_every_schedule() -> None:
    x, target = np.ones((20, 3, 2), np.float32), np.zeros((20, 3, 4), np.float32)
    i, h = rb.Input(2), rb.State(4, "h")
    h_new = Noise()(rb.Tanh()(rb.Dense((2, 4), 4, rng=0)(i, h)))
    model = rb.Recurrent(rb.Cell(i, {h: h_new}, output=h_new))
    runs = [
        rb.bptt(model, x, target, rb.losses.MeanSquaredError(), chunk=4, checkpoint=how, seed=3)
        for how in ("all", "sqrt", lambda chunks: rb.schedules.Revolve(chunks, 1))
    ]
    for run in runs[1:]:
        assert run.loss == runs[0].loss
        assert all(np.array_equal(run.grads[name], grad) for name, grad in runs[0].grads.items())
    assert (
        rb.bptt(model, x, target, rb.losses.MeanSquaredError(), chunk=4, seed=4).loss
        != runs[0].loss
    )
    quiet = rb.predict(model, x)[0]
    assert np.array_equal(quiet, rb.predict(model, x)[0])
    assert not np.array_equal(quiet, rb.predict(model, x, training=True)[0])
