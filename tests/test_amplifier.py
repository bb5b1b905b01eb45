"""experiments/amplifier.py: filters, loss and files against closed forms, and a small run."""

from __future__ import annotations

import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

import rnnbp as rb

SCRIPT = Path(__file__).parent.parent / "experiments" / "amplifier.py"
AMP = runpy.run_path(str(SCRIPT))
UNITS = 8
SMALL = f"--units {UNITS} --lanes 10 --horizon 100 --warm-up 100 --lr 2e-2"
PLAYED = re.compile(r"in blocks of 441 samples .*: (?:the bits|within \S+) of one call, ([\d.]+)")
FOUND = re.compile(r"([\d.]+)% pre-emphasised, ([\d.]+)% plain")


def sound(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def filtered(v: Any) -> Any:
    """x[n] − 0.85 x[n − 1] along axis 0, from silence."""
    before = np.zeros_like(v, np.float64)
    before[1:] = v[:-1]
    return v - 0.85 * before


def ratio(y: Any, target: Any) -> float:
    return float(((y - target) ** 2).sum() / (target**2).sum())


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, options: str, *, drawn: bool = False
) -> None:
    """The script by its command line, writing to the folder, where the files of options are too."""
    monkeypatch.setitem(AMP["main"].__globals__, "find_spec", lambda name: drawn)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", f"amplifier.py {SMALL} --folder . {options}".split())
    AMP["main"]()


def test_the_loss_is_of_the_amplifier_behind_a_filter_that_no_window_cuts() -> None:
    amplifier, model = AMP["build"](UNITS, 0)
    shared = zip(amplifier.params.values(), model.params.values(), strict=True)
    assert all(a is b for a, b in shared)
    x = sound(70, 3, 1)
    first, state = rb.predict(model, x[:33])
    found = np.concatenate([first, rb.predict(model, x[33:], state=state)[0]])
    y = rb.predict(amplifier, x)[0]
    np.testing.assert_allclose(found, filtered(y), atol=1e-6)


def test_its_output_is_the_input_and_what_the_recurrent_layer_adds() -> None:
    amplifier, _ = AMP["build"](UNITS, 0)
    x = sound(9, 2, 1)
    for name in ("1.weight", "1.bias"):
        amplifier.params[name][...] = 0
    np.testing.assert_array_equal(rb.predict(amplifier, x)[0], x)


@pytest.mark.parametrize("chunk", [4, pytest.param(13, marks=pytest.mark.long)])
def test_gradients_by_the_complex_step(chunk: int) -> None:
    _, model = AMP["build"](3, 0)
    x, target = sound(2, 13, 2, 1)
    state = ((sound(2, 3), sound(2, 3)), (sound(2, 1),))
    weights = np.arange(13)[:, None] >= [[2, 5]]
    how: Any = {"state": state, "mask": weights, "chunk": chunk}
    assert rb.check_grads(model, x, target, AMP["ErrorToSignal"](), **how).worst < 1e-12


def test_the_ratio_over_windows_is_that_of_whole_lanes_after_their_warm_up() -> None:
    amplifier, model = AMP["build"](UNITS, 0)
    x, target = sound(2, 240, 1)
    cut: Any = {"horizon": 25, "batch_size": 3, "warm_up": 30}
    data = rb.Windows(x, AMP["emphasised"](target), **cut)
    found = rb.evaluate(model, data, AMP["ErrorToSignal"]())["loss"]
    lanes = [v.reshape(3, 80, 1).swapaxes(0, 1) for v in (x, target)]
    y = rb.predict(amplifier, lanes[0])[0]
    expected = ratio(filtered(y)[30:], filtered(lanes[1])[30:])
    assert found == pytest.approx(expected, rel=1e-5)


def test_windows_of_the_warm_up_alone_do_not_count() -> None:
    _, model = AMP["build"](UNITS, 0)
    x, target = sound(2, 200, 1)
    cut = {"horizon": 25, "lanes": 2, "warm_up": 50, "epochs": 1, "lr": 1e-2, "seed": 0}
    history = AMP["train"](model, (x, target), (x, target), SimpleNamespace(**cut))
    assert np.isnan(history.losses).tolist() == [True, True, False, False]


@pytest.mark.parametrize("block", [1, 50, 64, 1000])
def test_blocks_sound_as_one_call(block: int) -> None:
    amplifier, _ = AMP["build"](UNITS, 0)
    x = sound(333, 1)
    found, seconds = AMP["stream"](amplifier, x, block)
    np.testing.assert_allclose(found, rb.predict(amplifier, x[:, None])[0][:, 0], atol=1e-6)
    assert len(seconds) == -(-333 // block)


@pytest.mark.parametrize("note", [40, 57, 69])
def test_a_string_has_its_pitch(note: int) -> None:
    played = AMP["pluck"](np.random.default_rng(0), note, 44_100)
    power = np.abs(np.fft.rfft(played)) ** 2
    pitch = 440 * 2 ** ((note - 69) / 12)
    near = slice(int(pitch * 0.8), int(pitch * 1.2))
    assert near.start + np.argmax(power[near]) == pytest.approx(pitch, rel=0.015)


def test_the_synthetic_amplifier_adds_harmonics_and_neither_offset_nor_aliases() -> None:
    """Of 3 kHz: what folds back at the sampling rate would not be a multiple of it."""
    t = np.arange(44_100) / 44_100
    y = AMP["amplify"](0.5 * np.sin(2 * np.pi * 3000 * t), 12.0)[22_050:]
    lines = np.abs(np.fft.rfft(y)) / np.abs(np.fft.rfft(y))[1500]  # 2 Hz each
    assert abs(y.mean()) < 1e-4
    assert (lines[[3000, 4500]] > [0.03, 0.1]).all()
    assert np.delete(lines, np.arange(0, len(lines), 1500)).max() < 2e-3


FORMATS = {
    "float32": (lambda x: x.astype("f4"), 1e-7),
    "float64": (lambda x: x, 1e-7),
    "int16": (lambda x: np.round(x * 2**15).astype("i2"), 2e-5),
    "int32": (lambda x: np.round(x * 2**31).astype("i4"), 1e-7),
    "uint8": (lambda x: np.round(x * 2**7 + 128).astype("u1"), 4e-3),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_wav_files_of_any_sample_format(kind: str, tmp_path: Path) -> None:
    convert, error = FORMATS[kind]
    x = np.linspace(-1, 0.99, 500)
    wavfile.write(tmp_path / "x.wav", 8000, convert(x))
    rate, found = AMP["read"](tmp_path / "x.wav")
    assert (rate, found.dtype, found.shape) == (8000, np.float32, (500, 1))
    np.testing.assert_allclose(found[:, 0], x, atol=error)


def test_recordings_that_do_not_fit_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, shape in {"stereo": (90, 2), "long": (90,), "short": (80,)}.items():
        wavfile.write(tmp_path / f"{name}.wav", 8000, sound(*shape))
    with pytest.raises(SystemExit, match=r"stereo\.wav has 2 channels; give a mono file"):
        run(monkeypatch, tmp_path, "--dry stereo.wav --wet long.wav")
    with pytest.raises(SystemExit, match=r"has 90 samples at 8,000 Hz, .* 80 at 8,000 Hz; cut"):
        run(monkeypatch, tmp_path, "--dry long.wav --wet short.wav")
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, tmp_path, "--dry long.wav")


@pytest.mark.long
def test_it_learns_plays_and_writes_what_it_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures are those of the files; the last fifth of the recording is held out."""
    run(monkeypatch, tmp_path, "--seconds 2 --drive 4 --epochs 7 --seed 1 --block 441")
    text = capsys.readouterr().out
    played = PLAYED.search(text)
    assert played is not None, text
    assert float(played[1]) > 0
    wet, y = (wavfile.read(tmp_path / f"{name}.wav")[1] for name in ("wet", "network"))
    assert len(y) == len(wet) // 5
    wet = wet[-len(y) :]
    (dry, _), (learned, plain) = [[float(v) for v in pair] for pair in FOUND.findall(text)[-2:]]
    assert 100 * ratio(filtered(y), filtered(wet)) == pytest.approx(learned, abs=0.01)
    assert 100 * ratio(y.astype(float), wet.astype(float)) == pytest.approx(plain, abs=0.01)
    assert learned < 3 < 40 < dry
    names = {"dry.wav", "network.safetensors", "network.wav", "wet.wav"}
    assert names == {path.name for path in tmp_path.iterdir()}
    amplifier, _ = AMP["build"](UNITS, 2)
    rb.load_weights(amplifier, tmp_path / "network.safetensors")
    x = AMP["read"](tmp_path / "dry.wav")[1][-len(y) :]
    np.testing.assert_allclose(rb.predict(amplifier, x[:, None])[0][:, 0, 0], y, atol=1e-5)


@pytest.mark.parametrize(
    "drawn",
    [
        False,
        pytest.param(
            True,
            marks=[
                pytest.mark.long,
                pytest.mark.skipif(not find_spec("matplotlib"), reason="needs Matplotlib"),
            ],
        ),
    ],
)
def test_recordings_of_ones_own(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    drawn: bool,
) -> None:
    """A recording that is its own target: the skip connection has it at once."""
    for name in ("clean", "same"):
        wavfile.write(tmp_path / f"{name}.wav", 8000, 0.1 * sound(40_000))
    run(monkeypatch, tmp_path, "--dry clean.wav --wet same.wav --epochs 2", drawn=drawn)
    text = capsys.readouterr().out
    assert text.startswith("4.0 s to learn from, 1.0 s held out, 8,000 samples a second")
    assert float(FOUND.findall(text)[-1][0]) < 1
    assert wavfile.read(tmp_path / "network.wav")[0] == 8000
    assert (tmp_path / "amplifier.png").exists() == drawn
