"""What the classifier and the regressor share: one answer for each series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from rnnbp.estimators.files import Saved
from rnnbp.estimators.given import Given, read
from rnnbp.estimators.networks import POOLINGS, one_for_each
from rnnbp.estimators.settings import Seeds, check_settings, keep, one_of, seeds_of
from rnnbp.estimators.training import train
from rnnbp.losses import Loss
from rnnbp.numerics import Array
from rnnbp.train import Sequences, predict
from rnnbp.wording.arguments import Named


class RecurrentEstimator(Named, Saved):
    """Parameters, training and outputs."""

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
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        dtype: str = "float32",
        verbose: int = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        keep(self, locals())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _read(self, X: object) -> Given:
        """X to be fitted on, after a look at the parameters."""
        check_settings(self)
        name = type(self).__name__
        one_of(f"{name}: pooling", self.pooling, POOLINGS)
        if self.bidirectional and self.pooling == "last":
            raise ValueError(
                f"{name}: pooling='last' and bidirectional=True: at the last step the reverse "
                "direction has read that step alone; use pooling='mean' or 'max'"
            )
        return read(self, X, dtype=self.dtype, reset=True)

    def _train(
        self, given: Given, target: Array, weight: Array | None, loss: Loss, n_out: int
    ) -> None:
        """Train a new model on one target for each series."""
        seeds = seeds_of(self.random_state)
        if self.early_stopping:
            data, validation = (
                self._sequences(
                    given.rows(rows), target[rows], None if weight is None else weight[rows], seeds
                )
                for rows in self._split(target, seeds)
            )
        else:
            data, validation = self._sequences(given.x, target, weight, seeds), None
        model = one_for_each(self, given.features, n_out, seeds.weights)
        train(self, model, data, loss, seeds, validation)

    def _split(self, target: Array, seeds: Seeds) -> Sequence[Array]:
        """Numbers of the series to learn from, and of those for validation."""
        kinds = target if target.dtype.kind == "i" else None
        how = {"test_size": self.validation_fraction, "random_state": seeds.split}
        found: Sequence[Array] = train_test_split(np.arange(len(target)), stratify=kinds, **how)
        return found

    def _sequences(
        self, x: Array | list[Array], target: Array, weight: Array | None, seeds: Seeds
    ) -> Sequences:
        if weight is not None and not weight.any():
            raise ValueError(
                f"{type(self).__name__}: all series that are held back for early stopping, or all "
                "others, have the weight 0; give a different validation_fraction or random_state"
            )
        return Sequences(
            x,
            target,
            mask=weight,
            batch_size=self.batch_size,
            static=("target",),
            seed=seeds.order,
        )

    def _outputs(self, X: object) -> Array:
        """(n, outputs), float64, of the model in evaluation mode."""
        check_is_fitted(self)
        given = read(self, X, dtype=self.dtype, reset=False)
        data = Sequences(given.x, None, batch_size=self.batch_size, shuffle=False)
        return np.asarray(predict(self.model_, data, progress=bool(self.verbose)), np.float64)
