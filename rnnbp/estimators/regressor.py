"""Numbers for each series."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted

from rnnbp.estimators.base import RecurrentEstimator
from rnnbp.estimators.targets import Scale, check_there, weights_of
from rnnbp.losses import MeanSquaredError
from rnnbp.numerics import Array
from rnnbp.wording.arguments import takes


class RecurrentRegressor(RegressorMixin, RecurrentEstimator):
    """todo"""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @takes()
    def fit(self, X: object, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803
        """Train a new network.

        Args:
            X: n series, as above.
            y: (n,) or (n, outputs), numbers.
            sample_weight: (n,) numbers ≥ 0, or None for 1. The loss of a batch is the weighted mean
                of those of its series.

        Returns:
            Itself.

        Raises ValueError or TypeError for what it cannot take.
        """
        given = self._read(X)
        check_there(self, given.x, y)
        numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        weight = weights_of(self, sample_weight, len(numbers))
        columns = numbers.reshape(len(numbers), -1)
        scale = Scale.of(columns, weight)
        target = scale.down(columns).astype(self.dtype)
        self._train(given, target, weight, MeanSquaredError(), columns.shape[1])
        self._one_output = numbers.ndim == 1
        self._scale = scale
        return self

    @takes()
    def predict(self, X: object) -> Array:  # noqa: N803
        """(n,), or (n, outputs) as y was, float64."""
        check_is_fitted(self)
        found = self._scale.up(self._outputs(X))
        return found[:, 0] if self._one_output else found
