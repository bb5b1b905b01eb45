"""Forecasts of any number of steps, a horizon at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.estimators.frame import Frame
from rnnbp.estimators.time_series import TimeSeries
from rnnbp.inputs.given import ModelLike
from rnnbp.numerics import Array
from rnnbp.train import predict


def roll(
    model: ModelLike, frame: Frame, past: Sequence[TimeSeries], future: Sequence[Array]
) -> list[Array]:
    """(H_k, targets, outputs) of what follows each of B series; quantiles in order.

    Args:
        model: as ``networks.encoder_decoder`` builds it.
        frame: what the model reads and writes.
        past: the last ``window`` steps of each, or more.
        future: (H_k, covariates) of each; they may differ in length.
    """
    steps = [len(one) for one in future]
    total = max(steps)
    padded = [np.pad(one, ((0, total - len(one)), (0, 0))) for one in future]
    known = np.stack(padded, axis=1)
    y = np.stack([one.y[-frame.window :] for one in past], axis=1)
    x = np.stack([one.x[-frame.window :] for one in past], axis=1)
    parts = []
    for at in range(0, total, frame.horizon):
        ahead = known[at : at + frame.horizon]
        found = _once(model, frame, y, x, ahead)
        parts.append(found)
        y = np.concatenate([y, found[..., frame.middle]])[-frame.window :]
        x = np.concatenate([x, ahead])[-frame.window :]
    every = np.concatenate(parts)
    return [every[:n, k] for k, n in enumerate(steps)]


def _once(model: ModelLike, frame: Frame, y: Array, x: Array, ahead: Array) -> Array:
    """(H, B, targets, outputs) within one horizon, in the user's units."""
    out = predict(model, frame.inputs(y, x, ahead), progress=False)[0].astype(np.float64)
    out = np.sort(out.reshape(*ahead.shape[:2], y.shape[-1], -1), axis=-1)
    return out * frame.deviation[:, None] + frame.level(y)[..., None]
