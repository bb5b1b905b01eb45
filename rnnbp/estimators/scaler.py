"""Features of series, brought to one scale."""

from __future__ import annotations

from typing import Self, final

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from rnnbp.estimators.deviations import root_mean_square
from rnnbp.estimators.given import Given, read
from rnnbp.estimators.whole_fits import whole
from rnnbp.numerics import Array
from rnnbp.wording.arguments import Named, takes


class Scaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What scikit-learn, which has no types, adds to a scaler."""


@final
class SequenceScaler(Named, Scaler):
    """Standardises each feature of series over all of their steps: mean 0, deviation 1.

    ``StandardScaler`` takes tables alone, and brings each column, a step of time, to a scale of its
    own. This one takes series as ``RecurrentClassifier`` does, and returns them in the same form: a
    table (n, T), whose numbers are all of one feature; (n, T, features); or a list of arrays
    (T_k, features), which lists of tables become too. A constant feature is only shifted.

    Attributes:
        mean_, scale_: (features,) float64.
        n_features_in_, feature_names_in_: as of ``RecurrentClassifier``.

    >>> import numpy as np, rnnbp as rb
    >>> X = [np.full((4, 2), 5.0), np.array([[1.0, 7.0], [3.0, 5.0]])]
    >>> scaler = rb.estimators.SequenceScaler().fit(X)
    >>> scaler.mean_.tolist(), [each.shape for each in scaler.transform(X)]
    ([4.0, 5.333333333333333], [(4, 2), (2, 2)])
    """

    def __init__(self) -> None:
        pass

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @takes()
    @whole
    def fit(self, X: object, y: object = None) -> Self:
        """Measure means and deviations.

        Args:
            X: n series, as above.
            y: not used.

        Returns:
            Itself. Raises ValueError for what it cannot take.
        """
        given = self._read(X, reset=True)
        parts = given.x if isinstance(given.x, list) else [given.x.reshape(-1, given.features)]
        steps = np.concatenate(parts).astype(np.float64)
        self.mean_ = steps.mean(axis=0)
        deviation = root_mean_square(steps - self.mean_)
        constant = deviation <= 1e-12 * np.abs(steps).max(axis=0)
        self.scale_ = np.where(constant, 1.0, deviation)
        return self

    @takes()
    def transform(self, X: object) -> Array | list[Array]:
        """The series on the scale, in the form that X has."""
        check_is_fitted(self)
        given = self._read(X, reset=False)
        if isinstance(given.x, list):
            return [self._scaled(each) for each in given.x]
        found = self._scaled(given.x)
        return found[..., 0] if given.is_table else found

    def _read(self, X: object, *, reset: bool) -> Given:
        return read(self, X, dtype=(np.float64, np.float32), reset=reset)

    def _scaled(self, x: Array) -> Array:
        found: Array = ((x - self.mean_) / self.scale_).astype(x.dtype)
        return found
