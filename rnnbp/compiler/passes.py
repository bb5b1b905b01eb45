"""The passes that turn a cell's code into what runs, in order, and rules to leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from rnnbp.compiler import counts
from rnnbp.compiler.code import Code
from rnnbp.compiler.gradient import differentiate
from rnnbp.compiler.penalties import charged, without_penalties
from rnnbp.compiler.rewrite import joining, scaling, stacking, turning
from rnnbp.compiler.rewrite.factors import gathered
from rnnbp.compiler.rewrite.ordering import ordered
from rnnbp.compiler.rewrite.parts import parts
from rnnbp.compiler.rewrite.sums import sums
from rnnbp.compiler.static_sums import static_sums
from rnnbp.numerics import shown
from rnnbp.support.nearest import hint


@dataclass(frozen=True)
class Rule:
    """What a user may leave out: one pass or several, in words."""

    what: str
    did: counts.Count
    """What a pass did, in words: "" for nothing."""


RULES_IN_WORDS: dict[str, Rule] = {
    "constants": Rule(
        "constants folded, into the weights if they can be", counts.counted("factor", "scale")
    ),
    "parts": Rule("a product for several gates taken apart", counts.counted("product", "linear")),
    "sums": Rule("biases of a sum folded into one", counts.counted("bias", "bias")),
    "ordered": Rule("operations in one order, however written", counts.operations),
    "gathered": Rule("factors of a delta multiplied before the loop", counts.products_in_loop),
    "scaled tanh": Rule("affine and sigmoid as one unit, 1 / (1 + eᵘ)", counts.negative_sigmoids),
    "products": Rule("products that share an input as one", counts.counted("product", "linear")),
    "turned": Rule("the same for deltas, and for gradients", counts.products_and_gradients),
    "joined": Rule("pointwise operations side by side as one", counts.joined),
    "recomputed": Rule("what is cheap made again, not kept", counts.nothing),
    "hoisted": Rule("what needs no state moved before the loop", counts.nothing),
}
"""``keep`` (what is recomputed) and ``partition`` (what is hoisted) are no passes over code."""

RULES = tuple(RULES_IN_WORDS)
"""The rules by name, in the order in which they are applied first; each can be left out."""


@dataclass(frozen=True)
class Draft:
    """The codes of a cell between two passes."""

    forward: Code
    lanes: bool
    """Whether pointwise operations stay lane by lane, because whoever runs the code fuses them."""
    backward: Code | None = None
    """None until the forward code has been differentiated."""
    written: Code | None = None
    """The forward code that was differentiated, with the numbers that its values have now."""

    @property
    def deltas(self) -> Code:
        """The backward code."""
        assert self.backward is not None
        return self.backward


@dataclass(frozen=True)
class Pass:
    """A step from one draft to the next."""

    rule: str | None
    """The rule that leaves it out; None for what is always done."""
    run: Callable[[Draft], Draft]
    backward: bool = False
    """Whether it changes the backward code."""

    def code(self, draft: Draft) -> Code:
        """The code that it changes."""
        return draft.deltas if self.backward else draft.forward


Rewrite: TypeAlias = Callable[[Code], Code]


def _forward(rule: str, rewrite: Rewrite) -> Pass:
    """Rewrites the forward code; a backward code takes the values that replace others."""

    def run(draft: Draft) -> Draft:
        forward = rewrite(draft.forward)
        if draft.backward is None or draft.written is None:
            return replace(draft, forward=forward)
        written, backward = (
            draft.written.taking(forward.renamed),
            draft.backward.taking(forward.renamed),
        )
        return replace(draft, forward=forward, written=written, backward=backward)

    return Pass(rule, run)


def _backward(rule: str, rewrite: Rewrite) -> Pass:
    """Rewrites the backward code."""
    return Pass(rule, lambda draft: replace(draft, backward=rewrite(draft.deltas)), backward=True)


def _differentiated(draft: Draft) -> Draft:
    deltas = static_sums(differentiate(draft.forward), draft.forward.static)
    found = replace(draft, written=draft.forward, backward=deltas)
    # Such code alone has operations that are nothing once it has been differentiated.
    return _unpenalised.run(found) if charged(draft.forward.ops) else found


def _summed(draft: Draft) -> Draft:
    """Where lanes are fused, static terms are added with what follows, from where they are.

    Elsewhere they are added for a block of steps at once.
    """
    return replace(draft, forward=sums(draft.forward, still_last=draft.lanes))


def _joined_forward(draft: Draft) -> Draft:
    """Where lanes are fused, only sums that follow products are joined."""
    names = joining.SUMS if draft.lanes else joining.JOINED
    return replace(draft, forward=joining.joined(draft.forward, (), names))


def _joined_backward(draft: Draft) -> Draft:
    names = frozenset[str]() if draft.lanes else joining.JOINED
    return replace(draft, backward=joining.joined(draft.deltas, [draft.forward.live()], names))


_unpenalised = _forward("", without_penalties)

PASSES = (
    _forward("constants", scaling.constants),
    _forward("parts", parts),
    Pass("sums", _summed),
    _forward("ordered", ordered),
    Pass(None, _differentiated),
    _backward("gathered", lambda code: gathered(code, code.depending(code.inputs))),
    _forward("constants", scaling.weights),
    _forward("scaled tanh", scaling.scaled_tanh),
    _forward("products", stacking.products),
    _forward("constants", scaling.differences),
    Pass("joined", _joined_forward),
    _backward("turned", turning.turned),
    _backward("constants", lambda code: scaling.differences(scaling.constants(code))),
    Pass("joined", _joined_backward, backward=True),
)
"""In the order in which they run."""


def check_rules(without: Iterable[str]) -> frozenset[str]:
    """Names of rules. Raises ValueError for one that is not known, TypeError for text alone."""
    if without == ():
        return frozenset()
    if isinstance(without, str) or not isinstance(without, Iterable):
        raise TypeError(
            f"without is a collection of rules, found {shown(without)}; write as "
            f"({shown(without)},)"
        )
    for rule in (found := tuple(without)):
        if rule not in RULES:
            raise ValueError(
                f"rule {shown(rule)} is unknown{hint(rule, RULES)}; leave out some of "
                f"{', '.join(map(repr, RULES))}"
            )
    return frozenset(found)
