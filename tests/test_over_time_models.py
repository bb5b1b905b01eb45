"""The table of networks over time: what it holds, by the reference alone."""

from __future__ import annotations

import numpy as np
import pytest

from rnnbp.graph.axes import is_over_time
from tests.over_time_cases import SIZES, case, case_of
from tests.over_time_choice import quickly
from tests.over_time_models import EVERY, FORWARD, MODELS
from tests.over_time_random import network
from tests.over_time_reference import as_graph


@pytest.mark.parametrize("name", quickly(MODELS, "last", "backward alone"))
def test_each_is_a_network_over_time(name: str) -> None:
    assert is_over_time(as_graph(MODELS[name]()))


@pytest.mark.parametrize("name", FORWARD)
def test_those_of_today_are_not(name: str) -> None:
    assert not is_over_time(as_graph(FORWARD[name]()))


@pytest.mark.parametrize("size", quickly(SIZES, "ragged"))
@pytest.mark.parametrize("name", quickly(EVERY, "several"))
def test_what_is_past_the_end_is_not_in_the_reference(name: str, size: str) -> None:
    """There it is NaN, in x and in targets."""
    reference = case(name, size).reference()
    assert np.isfinite(reference.loss())
    assert all(np.isfinite(y).all() for y in reference.outputs())


@pytest.mark.parametrize("seed", quickly(range(40), 0))
def test_random_networks_have_finite_losses(seed: int) -> None:
    assert np.isfinite(case_of(network(seed), "ragged", seed=seed).reference().loss())
