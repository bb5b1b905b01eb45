"""Clipping, and the step of the optimiser, by gradients that are known to be finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.numerics import Array
from rnnbp.optim import Optimizer, clip_norm, clip_value
from rnnbp.optim.clipping import norm_of, scale_down
from rnnbp.optim.extents import Extent
from rnnbp.optim.part_extents import part_extents, part_norm
from rnnbp.optim.partition import Partition
from rnnbp.train.finiteness import check_finite, not_finite
from rnnbp.train.options import Options


def checked(place: str, optimizer: Optimizer, grads: Mapping[str, Array]) -> list[Extent]:
    """The extents of gradients in the order of the optimiser's parameters, all finite.

    Args:
        grads: of a partitioned optimiser, this process's elements of each, flat; the extents are of
            whole gradients, and an error is raised in all processes.

    Raises FloatingPointError.
    """
    partition, what = optimizer.cut, "the gradient of {}".format
    if partition is None:
        return check_finite(place, {what(name): g for name, g in grads.items()})
    found = part_extents(partition, grads)
    for name, extent in found.items():
        if extent.largest != extent.largest:  # NaN
            bad, value = partition.first_bad(name, grads, optimizer.params[name].shape)
            raise not_finite(place, what(name), value, bad)
    return [*found.values()]


def clipped_step(
    optimizer: Optimizer,
    options: Options,
    grads: dict[str, Array],
    found: Sequence[Extent],
    lr: float,
) -> tuple[float, bool]:
    """Clip by value, in place, and then by norm, and update the parameters.

    What is clipped by norm alone is scaled by the update, in the same pass.

    Args:
        grads, found: as of ``checked``.

    Returns:
        The norm before clipping; True if the parameters are known to be finite.
    """
    partition = optimizer.cut
    if partition is not None:
        named = dict(zip(optimizer.params, found, strict=True))
        return _by_parts(optimizer, partition, options, grads, named, lr)
    norm = norm_of([*grads.values()], found)
    if options.clip_value is None:
        return norm, _scaled_step(optimizer, options, grads, found, norm, lr)
    clip_value(grads, options.clip_value)
    if options.clip_norm is not None:
        clip_norm(grads, options.clip_norm)
    optimizer.step(grads, lr)
    return norm, False


def _by_parts(
    optimizer: Optimizer, partition: Partition, options: Options, grads: dict[str, Array],
    found: Mapping[str, Extent], lr: float,
) -> tuple[float, bool]:  # fmt: skip
    """``clipped_step`` of a partitioned optimiser, with the bits of a whole one."""
    norm = part_norm(partition, grads, found)
    if options.clip_value is None:
        return norm, _scaled_step(optimizer, options, grads, [*found.values()], norm, lr)
    clip_value(grads, options.clip_value)
    found = part_extents(partition, grads)
    if options.clip_norm is not None:
        scale_down([*grads.values()], part_norm(partition, grads, found), options.clip_norm)
        found = part_extents(partition, grads)
    optimizer.step_by(grads, lr, {name: e.largest for name, e in found.items()})
    return norm, False


def _scaled_step(
    optimizer: Optimizer, options: Options, grads: dict[str, Array], found: Sequence[Extent],
    norm: float, lr: float,
) -> bool:  # fmt: skip
    """Update by gradients that the optimiser scales to the greatest norm allowed."""
    limit = options.clip_norm
    clip = 1.0 if limit is None or norm <= limit else limit / norm
    tops = {name: clip * e.largest for name, e in zip(optimizer.params, found, strict=False)}
    return optimizer.step_by(grads, lr, tops, clip)
