"""The command line: samples of a saved model."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.architecture import Architecture
from rnnbp.cli.sampler import Sampler
from rnnbp.cli.text import printable
from tests.commands import run, train

pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")

# Sampling


@pytest.mark.quick
def test_samples_are_the_same_for_the_same_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("m", "--steps", 3) == 0
    capsys.readouterr()
    found = []
    for model, seed in (("m", 1), ("m", 1), ("m/model.safetensors", 1), ("m", 2)):
        assert run("sample", model, "--prompt", "naïve", "--length", 40, "--seed", seed) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] == found[2] != found[3]
    assert found[0].startswith("naïve")
    assert run("sample", "m", "--prompt", "", "--length", 3, "--temperature", 0) == 0


def test_each_byte_is_drawn_from_the_distribution_after_all_before_it() -> None:
    model, prompt = Architecture(units=6, embedding=3).build(5), b"abc"
    assert Sampler(model, temperature=0)(prompt, 4) == Sampler(model, top_k=1)(prompt, 4)
    text = prompt + Sampler(model, temperature=0)(prompt, 6)
    logits, _ = rb.predict(model, np.frombuffer(text, np.uint8)[:-1, None])
    assert (
        bytes(logits[len(prompt) - 1 :, 0].argmax(axis=-1).astype(np.uint8)) == text[len(prompt) :]
    )


def test_draws_follow_temperature_and_top_k() -> None:
    model = rb.Sequential(rb.Embedding(256, 256, weight_init="zeros"))
    weight, p = model.params["0.weight"], np.array([0.5, 0.3, 0.2])
    weight[:] = -50
    weight[:, 65:68] = np.log(p)
    for sampler, expected in (
        (Sampler(model, temperature=1.0), p),
        (Sampler(model, temperature=0.5), p**2 / (p**2).sum()),
        (Sampler(model, temperature=1.0, top_k=2), np.array([0.625, 0.375, 0])),
        (Sampler(model, temperature=1e-308), np.array([1.0, 0, 0])),
    ):
        drawn = np.frombuffer(sampler(b"A", 1500), np.uint8)
        np.testing.assert_allclose(
            [(drawn == 65 + k).mean() for k in range(3)], expected, atol=0.045
        )
        assert set(drawn) == {65 + k for k in range(3) if expected[k]}


def test_a_terminal_gets_no_control_characters() -> None:
    assert printable("a\x1b[31m\tb\r\n\x9bc\x00é") == "a�[31m\tb\n�c�é"
