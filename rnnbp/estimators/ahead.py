"""Which steps a Forecaster is to forecast, and what it reads before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sklearn.base import BaseEstimator

from rnnbp.estimators.covariates import covariates, covariates_of_several
from rnnbp.estimators.frame import Frame
from rnnbp.estimators.time_series import TimeSeries, read_series
from rnnbp.estimators.x_checks import is_list
from rnnbp.numerics import Array, positive_int


class Ahead(NamedTuple):
    """The past of each series, and the covariates (H_k, k) of what comes."""

    past: Sequence[TimeSeries]
    future: list[Array]
    one_series: bool


def ahead(
    estimator: BaseEstimator, X: object, steps: int | None, past_X: object, past_y: object
) -> Ahead:
    """The arguments of ``Forecaster.predict``, checked. Raises ValueError for what does not fit."""
    frame: Frame = estimator._frame
    past, one_series = _past(estimator, past_X, past_y, frame)
    if X is not None and steps is not None:
        raise ValueError("Forecaster: there are as many steps as rows of X; leave out steps")
    count = frame.horizon if steps is None else positive_int("Forecaster: steps", steps)
    if one_series:
        return Ahead(past, [covariates(estimator, X, count, reset=False)], True)
    lengths = [count] * len(past)
    return Ahead(past, covariates_of_several(estimator, X, lengths, reset=False), False)


def _past(
    estimator: BaseEstimator, past_X: object, past_y: object, frame: Frame
) -> tuple[Sequence[TimeSeries], bool]:
    """What was passed, or the end of what it was fitted on."""
    if past_y is None:
        if past_X is not None:
            raise ValueError("Forecaster: past_X is what was known of past_y; give both")
        return estimator._past, estimator._one_series
    read = read_series(estimator, past_X, past_y, reset=False)
    if read.targets != len(frame.mean):
        raise ValueError(
            f"Forecaster: past_y has {read.targets} targets, and it was fitted on {len(frame.mean)}"
        )
    for one in read.series:
        if len(one.y) < frame.window:
            raise ValueError(
                f"Forecaster: past_y has {len(one.y)} steps, and a window of {frame.window} is "
                "read; give more of the past"
            )
    return read.series, not is_list(past_y)
