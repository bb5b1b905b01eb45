"""The line of a plan that says what threads share."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.planning.thread_plan import LayerThreads, ThreadPlan, Way
from rnnbp.support.printing import filled

ALONE = "one thread"
WORDS = {
    "layers": "layers side by side",
    "directions": "directions side by side",
    "NumPy": "NumPy, with BLAS's own threads",
}


def thread_lines(found: ThreadPlan) -> Iterator[str]:
    """The threads of a run, what they share, and how much faster than one they are; none of a model
    without Recurrents.
    """
    named = dict[str, list[str]]()
    for layer in found.layers:
        named.setdefault(_shared(layer, found.count), []).append(layer.layer)
    several = [f"{way} of {', '.join(on)}" for way, on in named.items()]
    ways = "; ".join(several if len(named) > 1 else named)
    if found.count == 1 and ways == ALONE:
        yield "threads    1"
    elif ways == ALONE:
        yield f"threads    {found.count}, but chunks are too small to share: one runs them"
    elif ways:
        yield filled(f"threads    {found.count}: {ways}{_fast(found, apart=len(named) > 1)}", 11)


def _fast(found: ThreadPlan, *, apart: bool) -> str:
    """How many times as fast as one thread they are, by estimate."""
    if found.speed == 1:
        return ""
    others = ", ".join(f"{name}: {speed:.1f}" for name, speed in found.others.items())
    fast = f"{found.speed:.1f} times as fast as one thread by estimate"
    return f"{'; ' if apart else ', '}{fast}{f' ({others})' * bool(others)}"


def _shared(layer: LayerThreads, count: int) -> str:
    """What threads share of a Recurrent."""
    forward, backward = (_words(way, count) for way in (layer.forward, layer.backward))
    return forward if forward == backward else f"{forward} forward, {backward} backward"


def _words(way: Way, count: int) -> str:
    text = WORDS.get(way.by, way.by)
    return text if way.threads in (1, count) else f"{text} by {way.threads} threads"
