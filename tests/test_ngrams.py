"""The n-gram baselines of the command line: a proper, smoothed estimate."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp.cli.held_out import baselines, bits_per_character
from rnnbp.cli.ngrams import NGrams
from rnnbp.cli.text import Part, Split, load_text
from rnnbp.numerics import Array, DtypeError, ShapeError

small_bytes = st.lists(st.integers(97, 100), min_size=8, max_size=60).map(bytes)


def as_array(data: bytes) -> Array:
    return np.frombuffer(data, np.uint8)


def distribution(model: NGrams, context: bytes) -> Array:
    """p of each of the 256 bytes after a context."""
    contexts = np.tile(as_array(context), (256, 1)).reshape(256, model.order - 1)
    return model(contexts, np.arange(256))


def slow_probability(text: bytes, context: bytes, symbol: int) -> float:
    """Witten–Bell written as it reads, on dictionaries, from the longest context down."""
    after: dict[bytes, Counter[int]] = defaultdict(Counter)
    k = len(context)
    for i in range(k, len(text)):
        after[text[i - k : i]][text[i]] += 1
    lower = slow_probability(text, context[1:], symbol) if context else 1 / 256
    seen = after[context]
    if not seen:
        return lower
    return (seen[symbol] + len(seen) * lower) / (seen.total() + len(seen))


def test_tiny_text_by_hand() -> None:
    # In "abab": a and b twice each; after a always b, twice; after b an a, once (the last b has no
    # successor).
    unigram, bigram = NGrams(as_array(b"abab"), 1), NGrams(as_array(b"abab"), 2)
    p_a = (2 + 2 / 256) / (4 + 2)
    p_z = (0 + 2 / 256) / (4 + 2)
    np.testing.assert_allclose(
        distribution(unigram, b"")[[97, 98, 122]], [p_a, p_a, p_z], rtol=1e-15
    )
    after_a = [(0 + p_a) / 3, (2 + p_a) / 3, (0 + p_z) / 3]
    np.testing.assert_allclose(distribution(bigram, b"a")[[97, 98, 122]], after_a, rtol=1e-15)
    np.testing.assert_allclose(
        distribution(bigram, b"b")[[97, 98, 122]], [(1 + p_a) / 2, p_a / 2, p_z / 2], rtol=1e-15
    )
    np.testing.assert_allclose(distribution(bigram, b"z"), distribution(unigram, b""), rtol=0)


@pytest.mark.parametrize("order", [1, 2, 3, 7])
def test_probabilities_sum_to_one_for_any_context(order: int) -> None:
    train = load_text(None).split().train.data[:20_000]
    model, rng = NGrams(train, order), np.random.default_rng(order)
    met = [bytes(train[i : i + order - 1]) for i in rng.integers(0, len(train) - order, 20)]
    for context in [*met, *(rng.bytes(order - 1) for _ in range(20))]:
        p = distribution(model, context)
        assert p.min() > 0
        assert math.isclose(p.sum(), 1, rel_tol=1e-12)


@settings(max_examples=60, deadline=None)
@given(text=small_bytes, context=st.lists(st.integers(96, 101), min_size=2, max_size=2).map(bytes))
@pytest.mark.long
def test_agrees_with_a_slow_implementation(text: bytes, context: bytes) -> None:
    for order in (1, 2, 3):
        h = context[2 - (order - 1) :]
        expected = [slow_probability(text, h, s) for s in range(256)]
        np.testing.assert_allclose(
            distribution(NGrams(as_array(text), order), h), expected, rtol=1e-12
        )


def test_bits_are_the_sum_over_the_text_with_the_context_before_it() -> None:
    train, held_out = b"abracadabra, abracadabra", b"cadabra"
    for order in (1, 2, 3):
        whole, expected = train + held_out, 0.0
        for i in range(len(train), len(whole)):
            expected -= math.log2(slow_probability(train, whole[i - order + 1 : i], whole[i]))
        found = NGrams(as_array(train), order).bits(as_array(held_out), before=as_array(train))
        assert math.isclose(found, expected, rel_tol=1e-12)


def test_bits_are_per_character_not_per_byte() -> None:
    train, held_out = as_array(b"ab" * 50), as_array("é€".encode())
    bits = NGrams(train, 1).bits(held_out, before=train)
    assert held_out.size == 5
    assert baselines(Split(Part(train, 100), Part(held_out, 2)))["unigram"] == bits / 2
    assert math.isclose(bits_per_character(math.log(2), Part(held_out, 2)), 2.5)


def test_baselines_of_the_default_text_fall_with_the_order() -> None:
    found = baselines(load_text(None).split())
    assert list(found) == ["unigram", "bigram", "trigram"]
    assert 5.2 > found["unigram"] > 4.2 > found["bigram"] > 3.0 > found["trigram"] > 2.0


def test_bad_arguments_are_named() -> None:
    text = as_array(b"abcabc")
    with pytest.raises(ValueError, match=r"order must be at most 7, found 8"):
        NGrams(text, 8)
    with pytest.raises(ValueError, match=r"text must have at least 3 bytes, found 2"):
        NGrams(text[:2], 3)
    with pytest.raises(DtypeError, match=r"text must be bytes, found dtype int64"):
        NGrams(text.astype(np.int64), 1)
    with pytest.raises(ShapeError, match=r"text must have one axis, found shape \(2, 3\)"):
        NGrams(text.reshape(2, 3), 1)
    with pytest.raises(ShapeError, match=r"before must have 2 bytes or more, found 1"):
        NGrams(text, 3).bits(text, before=text[:1])
    with pytest.raises(ShapeError, match=r"contexts must have shape \(6, 2\), found \(6, 1\)"):
        NGrams(text, 3)(text[:, None], text)
