"""Parameters of a layer as a person replaces them: real arrays of the same shape, in copies too."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.users import Array, dense


def put_item(layer: Any, other: Array) -> None:
    layer.params["weight"] = other


def put_several(layer: Any, other: Array) -> None:
    layer.params.update({"bias": np.zeros(8, np.float32)}, weight=other)


def put_another(layer: Any, other: Array) -> None:
    layer.params |= {"bias": np.zeros(8, np.float32), "weight": other}


def put_all(layer: Any, other: Array) -> None:
    layer.params = {"bias": np.zeros(8, np.float32), "weight": other}


@pytest.mark.parametrize("put", [put_item, put_several, put_another, put_all])
def test_a_parameter_keeps_its_shape(put: Callable[[Any, Array], None]) -> None:
    layer = dense()
    before = {name: p.copy() for name, p in layer.params.items()}
    with pytest.raises(
        rb.ShapeError,
        match=r"^parameter 'weight' must have shape \(8, 8\), found \(1, 1\); write into",
    ):
        put(layer, np.ones((1, 1), np.float32))
    assert layer.params.keys() == before.keys()
    for name, p in before.items():
        np.testing.assert_array_equal(layer.params[name], p)


def test_parameters_are_real_arrays_and_stay_all() -> None:
    layer = dense()
    with pytest.raises(
        TypeError, match=r"parameter 'bias' must be an array, found \[0, 0\]; use np.asarray"
    ):
        layer.params["bias"] = [0, 0]  # type: ignore[assignment]  # on purpose
    for kind in ("float16", ">f4", "int64"):
        with pytest.raises(
            rb.DtypeError, match=r"parameter 'bias' has dtype .*; parameters are float32 or float64"
        ):
            layer.params["bias"] = np.zeros(8, kind)
    with pytest.raises(
        TypeError, match=r"params has \['weight', 'bias'\], found \['weight'\]; give them all"
    ):
        layer.params = {"weight": layer.params["weight"]}
    layer.params["weight"] = np.ones((8, 8), np.float32)  # of its shape, as a tied weight is
    np.testing.assert_array_equal(
        layer(np.ones((1, 8), np.float32)), 8 + layer.params["bias"][None]
    )


def test_copies_of_a_layer_guard_their_parameters() -> None:
    layer = dense()
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(again.params["weight"], layer.params["weight"])
        with pytest.raises(rb.ShapeError, match="parameter 'bias' must have shape"):
            again.params["bias"] = np.zeros(7, np.float32)
    other = dense()
    other.params = layer.params
    assert all(
        other.params[name] is p for name, p in layer.params.items()
    )  # tied; test_parameters_replaced has more
