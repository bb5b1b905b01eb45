"""Primitives that choose by numbers."""

from __future__ import annotations

from rnnbp.interchange.onnx_out.attributes import joint, number
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.layers.choose import SET


def reached(to: Writer, t: Tensor, least: float) -> Tensor:
    """Where t is at least a number, as bool."""
    return to.emit("GreaterOrEqual", t, to.number(least), shape=t.shape)


def at_least(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    found, one = reached(to, ts[0], number(attr)), to.number(1.0)
    return to.emit("Where", found, one, to.number(0.0), shape=ts[0].shape)


def where(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    u, a, b = ts
    return to.emit("Where", reached(to, u, number(attr)), a, b, shape=joint(*ts))


def masked(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    x, mask = ts
    fill = to.number(number(attr))
    return to.emit("Where", reached(to, mask, SET), x, fill, shape=joint(*ts))


def choose(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return where(to, ts, SET)


def keep(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return where(to, (*ts, to.number(0.0)), SET)


def drop(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return where(to, (ts[0], to.number(0.0), ts[1]), SET)
