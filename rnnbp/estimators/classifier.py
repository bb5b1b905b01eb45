"""A class for each series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from rnnbp.estimators.base import RecurrentEstimator
from rnnbp.estimators.targets import check_there, weights_of
from rnnbp.losses import CrossEntropy
from rnnbp.numerics import Array
from rnnbp.wording.arguments import takes


class RecurrentClassifier(ClassifierMixin, RecurrentEstimator):
    """todo"""

    def __init__(
        self,
        *,
        cell: str = "lstm",
        units: int = 64,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        pooling: str = "mean",
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        schedule: str = "constant",
        clip_norm: float | None = 1.0,
        memory: int | str | None = None,
        class_weight: Mapping[object, float] | str | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        dtype: str = "float32",
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            cell=cell, units=units, layers=layers, bidirectional=bidirectional, dropout=dropout,
            pooling=pooling, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
            schedule=schedule, clip_norm=clip_norm, memory=memory, early_stopping=early_stopping,
            validation_fraction=validation_fraction, n_iter_no_change=n_iter_no_change,
            dtype=dtype, verbose=verbose, random_state=random_state,
        )  # fmt: skip
        self.class_weight = class_weight

    @takes()
    def fit(self, X: object, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803
        """Train a new network.

        Args:
            X: n series, as above.
            y: (n,) classes: integers or text.
            sample_weight: (n,) numbers ≥ 0, or None for 1. The loss of a batch is the weighted mean
                of those of its series.

        Returns:
            Itself.

        Raises ValueError or TypeError for what it cannot take.
        """
        given = self._read(X)
        check_there(self, given.x, y)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        classes, target = np.unique(labels, return_inverse=True)
        if len(classes) < 2:  # noqa: PLR2004
            raise ValueError(
                f"{type(self).__name__}: y has 1 class, {classes[0]!r}; give series of at least 2"
            )
        weight = weights_of(self, sample_weight, len(target))
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, labels)
            weight = by_class if weight is None else weight * by_class
        self._train(given, target.astype(np.int64), weight, CrossEntropy(), len(classes))
        self.classes_ = classes
        return self

    @takes()
    def predict_proba(self, X: object) -> Array:  # noqa: N803
        """(n, classes) Probabilities of the classes in the order of ``classes_``, float64."""
        check_is_fitted(self)
        found: Array = softmax(self._outputs(X), axis=-1)
        return found

    @takes()
    def predict(self, X: object) -> Array:  # noqa: N803
        """(n,) The most probable class of each series."""
        best = self.predict_proba(X).argmax(axis=-1)
        found: Array = self.classes_[best]
        return found
