"""Values and gradients of networks over time against a reference that runs each row alone."""

from __future__ import annotations

import numpy as np
import pytest

from tests.over_time_cases import SIZES, Case, case
from tests.over_time_choice import quickly
from tests.over_time_gradients import assert_all_derivatives, assert_every_derivative
from tests.over_time_models import EVERY, MODELS, WITH_RESETS

OTHERS = [size for size in SIZES if size != "ragged"]


def agree(one: Case) -> None:
    """That outputs, loss and gradients are those of the reference."""
    reference = one.reference()
    ys, _ = one.predict()
    for y, expected in zip(ys, reference.outputs(), strict=True):
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-13)
    found = one.bptt()
    assert found.loss == pytest.approx(reference.loss().real, rel=1e-12)
    assert_all_derivatives(reference, one.grads(found))


@pytest.mark.parametrize(
    "name",
    quickly(EVERY, "read both ways", "input at its largest", "by attention", "penalised"),
)
def test_rows_of_different_lengths(name: str) -> None:
    agree(case(name))


@pytest.mark.parametrize("size", quickly(OTHERS, "lengths of one", "one length"))
@pytest.mark.parametrize("name", quickly(EVERY, "all reductions"))
def test_other_sizes(name: str, size: str) -> None:
    agree(case(name, size))


@pytest.mark.parametrize("size", quickly(["ragged", "whole", "one row"], "ragged"))
@pytest.mark.parametrize("name", quickly(WITH_RESETS, "both"))
def test_resets(name: str, size: str) -> None:
    agree(case(name, size, resets=True))


@pytest.mark.parametrize("size", quickly(["ragged", "whole"], "ragged"))
@pytest.mark.parametrize("name", quickly(MODELS, "states as outputs"))
def test_a_mask_of_each_output(name: str, size: str) -> None:
    agree(case(name, size, masked=True))


@pytest.mark.long
@pytest.mark.grid
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("name", WITH_RESETS)
def test_every_element_with_resets(name: str, resets: bool) -> None:
    one = case(name, resets=resets, seed=1)
    assert_every_derivative(one.reference(), one.grads(one.bptt(chunk=3)))


@pytest.mark.long
@pytest.mark.grid
@pytest.mark.parametrize("name", EVERY)
def test_every_element(name: str) -> None:
    one = case(name, seed=2)
    assert_every_derivative(one.reference(), one.grads(one.bptt(chunk=3, checkpoint="sqrt")))


@pytest.mark.long
@pytest.mark.grid
@pytest.mark.parametrize("chunk", [1, 3, 4, 7, 32])
@pytest.mark.parametrize("name", EVERY)
def test_chunks_of_other_lengths(name: str, chunk: int) -> None:
    one = case(name, seed=3)
    assert_all_derivatives(one.reference(), one.grads(one.bptt(chunk=chunk)))
