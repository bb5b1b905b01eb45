"""Neural amp modelling (Wright et al. 2019, 2020): an LSTM learns how an amplifier distorts.

Plucked strings go through a synthetic amplifier, and both signals are written as WAV files; or give
two of your own, recorded at the same time. The network is y = x + Dense(LSTM(x)), trained by
truncated backpropagation: lanes of the recording side by side, a warm-up whose loss does not count,
then an update after each window. The loss is the error-to-signal ratio of the pre-emphasised
signals. In the end the network plays the last fifth, which it has not heard, in blocks of 64
samples.

A. Wright, E.-P. Damskägg and V. Välimäki, Real-time black-box modelling with recurrent neural
networks, DAFx 2019; with L. Juvela, Real-time guitar amplifier emulation with deep learning,
Applied Sciences 10 (3), 766, 2020.
"""

import argparse
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import signal
from scipy.io import wavfile

import rnnbp as rb

RATE = 44_100
EMPHASIS = 0.85  # of the filter 1 − 0.85 z⁻¹, as in the paper

Pair = tuple[np.ndarray, np.ndarray]


def pluck(rng: np.random.Generator, note: int, samples: int) -> np.ndarray:
    """A string at the pitch of a MIDI note: noise in a lossy delay line (Karplus & Strong 1983)."""
    period = round(RATE / (440 * 2 ** ((note - 69) / 12)) - 0.5)
    burst = np.zeros(samples)
    burst[:period] = rng.uniform(-1, 1, period)[:samples]
    feedback = np.zeros(period + 2)
    feedback[[0, period, period + 1]] = 1, -0.498, -0.498
    sound = signal.lfilter([1], feedback, burst)
    sound[-400:] *= np.linspace(1, 0, 400)[-samples:]  # damped before the next one
    return sound


def guitar(seconds: float, seed: int) -> np.ndarray:
    """(S,) A sweep for a tenth of the time, then notes, fifths and chords, from −15 to 0 dB."""
    rng, total = np.random.default_rng(seed), int(seconds * RATE)
    sound, at = np.zeros(total), total // 10
    t = np.arange(at) / RATE
    sweep = signal.chirp(t, 40, t[-1], 8000, "logarithmic")
    while at < total:
        root, samples = int(rng.integers(40, 70)), int(rng.uniform(0.12, 0.9) * RATE)
        chord = [(0,), (0, 7, 12), (0, 4, 7), (0, 3, 7)][rng.choice(4, p=[0.5, 0.2, 0.15, 0.15])]
        samples = min(samples, total - at)
        strings = sum(pluck(rng, root + interval, samples) for interval in chord)
        sound[at : at + samples] = strings * 10 ** rng.uniform(-0.75, 0)
        at += samples
    sound = signal.lfilter(*signal.butter(2, 5000, fs=RATE), sound)  # a pickup's low-pass
    sound *= 0.9 / np.abs(sound).max()
    sound[: len(t)] = 0.5 * sweep * np.linspace(0, 1, len(t))
    return sound


def amplify(x: np.ndarray, drive: float) -> np.ndarray:
    """(S,) A biased tanh between filters, at four times the rate lest its harmonics alias."""
    rate, v = 4 * RATE, signal.resample_poly(x, 4, 1)
    v = signal.lfilter(*signal.butter(1, 120, "high", fs=rate), v)  # coupling of the input
    v = np.tanh(drive * v + 0.3) - np.tanh(0.3)  # asymmetric: even harmonics too
    v = signal.lfilter(*signal.butter(1, 20, "high", fs=rate), v)  # no direct current
    v = signal.lfilter(*signal.butter(1, 4500, fs=rate), v)  # tone
    y = signal.resample_poly(v, 1, 4)[: len(x)]
    return y * (0.9 / np.abs(y).max())


def write(path: Path, rate: int, x: np.ndarray) -> None:
    wavfile.write(path, rate, x.astype(np.float32).reshape(-1))


def read(path: Path) -> tuple[int, np.ndarray]:
    """(sampling rate, samples (S, 1) in −1 to 1) of a mono WAV file."""
    rate, x = wavfile.read(path)
    if x.ndim > 1:
        raise SystemExit(f"amplifier: {path} has {x.shape[1]} channels; give a mono file")
    if x.dtype.kind == "u":  # of 8 bits
        x = (x - 128.0) / 128
    elif x.dtype.kind == "i":
        x = x / -float(np.iinfo(x.dtype).min)
    return rate, x.astype(np.float32)[:, None]


class ErrorToSignal(rb.losses.Loss):
    """Σ (y − t)² / Σ t², over the steps that count (the papers add a small term for the mean)."""

    def summed(self, y, target, weights=None):
        d = (y - target) * (1 if weights is None else weights[..., None])
        return (d * (y - target)).sum(), 2 * d

    def weight(self, target, weights=None, *, outputs):
        return float((target**2 * (1 if weights is None else weights[..., None])).sum())


def emphasised(x: np.ndarray) -> np.ndarray:
    """x[n] − 0.85 x[n − 1], of x (S, 1)."""
    return signal.lfilter([1, -EMPHASIS], [1], x, axis=0).astype(x.dtype)


def build(units: int, seed: int) -> tuple[rb.Graph, rb.Graph]:
    """(the amplifier, the same with pre-emphasis after it), which share their parameters.

    The filter is a cell whose state is the sample before, so that windows and chunks do not cut it.
    """
    rng, x = np.random.default_rng(seed), rb.Input(1)
    y = x + rb.Dense(units, 1, rng=rng)(rb.LSTM(1, units, rng=rng)(x))
    now, before = rb.Input(1), rb.State(1)
    emphasis = rb.Recurrent(rb.Cell(now, {before: now}, output=now - EMPHASIS * before))
    return rb.Graph(x, y), rb.Graph(x, emphasis(y))


def stream(model: rb.Graph, x: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """(outputs (S, 1), seconds of each block) of x (S, 1), which comes a block at a time."""
    stepper, outputs, seconds = rb.Stepper(model), [], []
    for start in range(0, len(x), block):
        began = time.perf_counter()
        y = stepper.steps(x[start : start + block, None])
        seconds.append(time.perf_counter() - began)
        outputs.append(y[:, 0].copy())
    return np.concatenate(outputs), np.array(seconds)


def ratio(y: np.ndarray, target: np.ndarray) -> float:
    """The error-to-signal ratio, in float64."""
    y, target = y.astype(np.float64), target.astype(np.float64)
    return float(((y - target) ** 2).sum() / (target**2).sum())


def draw(path: Path, rate: int, history: rb.train.History, *sounds: np.ndarray) -> None:
    """Of the dry, wet and played sounds (S, 1) 20 ms in the middle, and spectra; the learning."""
    from matplotlib.figure import Figure

    figure = Figure((10, 8), layout="constrained")
    axes = figure.subplot_mosaic([["wave", "wave"], ["learning", "spectrum"]])
    dry, wet, y = sounds
    part = slice(len(dry) // 2, len(dry) // 2 + rate // 50)
    ms = np.arange(part.start, part.stop) / rate * 1e3
    axes["wave"].plot(ms, dry[part], color="0.7", label="dry")
    drawn = {"amplifier": (wet, "k"), "network": (y, "C1--"), "error": (y - wet, "C3")}
    for name, (sound, style) in drawn.items():
        axes["wave"].plot(ms, sound[part], style, label=name)
        f, power = signal.welch(sound[:, 0], rate, nperseg=1024)
        axes["spectrum"].semilogx(f[1:], 10 * np.log10(power[1:] + 1e-20), style, label=name)
    axes["wave"].set(xlabel="ms", xlim=(ms[0], ms[-1]))
    axes["wave"].set_title("Held out", loc="right")
    axes["wave"].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
    axes["spectrum"].set(xlabel="Hz", title="Power, dB / Hz")
    axes["learning"].semilogy(history.validation_steps, history.validation_losses, ".-")
    axes["learning"].axhline(0.01, color="0.7", ls=":")
    axes["learning"].set(xlabel="updates", title="Error-to-signal ratio, pre-emphasised, held out")
    figure.savefig(path, dpi=120)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dry", type=Path, help="a mono WAV file; by default it is synthesised")
    parser.add_argument("--wet", type=Path, help="the same through an amplifier")
    parser.add_argument("--seconds", type=float, default=30.0, help="of synthesised sound")
    parser.add_argument("--drive", type=float, default=12.0, help="gain before the distortion")
    parser.add_argument("--units", type=int, default=24)
    parser.add_argument("--lanes", type=int, default=50, help="parts of the recording in a batch")
    parser.add_argument("--horizon", type=int, default=1000, help="samples between two updates")
    parser.add_argument("--warm-up", type=int, default=1000, help="of each lane, outside the loss")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--block", type=int, default=64, help="samples, when it is played")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/amplifier"))
    options = parser.parse_args()
    if (options.dry is None) != (options.wet is None):
        parser.error("give both --dry and --wet, or neither")
    return options


def recordings(options: argparse.Namespace) -> tuple[int, np.ndarray, np.ndarray]:
    """(sampling rate, dry (S, 1), wet (S, 1)), read from WAV files."""
    dry, wet = options.dry, options.wet
    if dry is None:
        dry, wet = options.folder / "dry.wav", options.folder / "wet.wav"
        sound = guitar(options.seconds, options.seed)
        write(dry, RATE, sound)
        write(wet, RATE, amplify(sound, options.drive))
    (rate, x), (other, target) = read(dry), read(wet)
    if rate != other or len(x) != len(target):
        raise SystemExit(
            f"amplifier: {dry} has {len(x):,} samples at {rate:,} Hz, {wet} {len(target):,} at "
            f"{other:,} Hz; cut them to one length"
        )
    return rate, x, target


def train(
    model: rb.Graph, pair: Pair, held_out: Pair, options: argparse.Namespace
) -> rb.train.History:
    """Train in windows of a pair (x, target), (S, 1) each, and measure on what is held out."""

    def windows(x: np.ndarray, target: np.ndarray) -> rb.Windows:
        cut = {"horizon": options.horizon, "batch_size": options.lanes, "warm_up": options.warm_up}
        return rb.Windows(x, emphasised(target), **cut)

    data = windows(*pair)
    return rb.fit(
        model,
        data,
        ErrorToSignal(),
        "adam",
        learning_rate=rb.optim.Cosine(options.lr, options.epochs * data.batches_per_epoch),
        epochs=options.epochs,
        clip_norm=1.0,
        chunk=options.horizon,  # all of a window: memory is no concern, and fewer chunks are faster
        validation=windows(*held_out),
        seed=options.seed,
    )


def report(dry: np.ndarray, wet: np.ndarray, y: np.ndarray) -> None:
    """The ratios of the network, and of the dry signal at its best level."""
    level = float(np.vdot(dry, wet) / np.vdot(dry, dry))
    for name, sound in (("dry signal", level * dry), ("network", y)):
        found = ratio(emphasised(sound), emphasised(wet))
        plain = ratio(sound, wet)
        print(f"{name:10} error-to-signal ratio {found:.2%} pre-emphasised, {plain:.2%} plain")


def play(model: rb.Graph, x: np.ndarray, rate: int, block: int) -> np.ndarray:
    """Outputs of x (S, 1) in blocks; says how fast, and whether they are those of one call."""
    whole = rb.predict(model, x[:, None])[0][:, 0]
    y, seconds = stream(model, x, block)
    error = float(np.abs(y - whole).max())  # NumPy's products of one block may round otherwise
    assert error < 1e-4, f"blocks differ from one call by {error:.2g}"
    print(
        f"in blocks of {block} samples ({block / rate * 1e3:.2f} ms): "
        f"{f'within {error:.2g}' if error else 'the bits'} of one call, "
        f"{len(x) / rate / seconds.sum():.1f} times faster than real time; "
        f"{np.median(seconds) * 1e3:.2f} ms a block, "
        f"99 of 100 within {np.quantile(seconds, 0.99) * 1e3:.2f} ms"
    )
    return y


def main() -> None:
    options = parsed()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    rate, x, target = recordings(options)
    cut = len(x) * 4 // 5
    dry, wet = x[cut:], target[cut:]  # held out
    amplifier, model = build(options.units, options.seed)
    count = sum(p.size for p in amplifier.params.values())
    print(
        f"{cut / rate:.1f} s to learn from, {len(dry) / rate:.1f} s held out, "
        f"{rate:,} samples a second; {count:,} parameters"
    )
    history = train(model, (x[:cut], target[:cut]), (dry, wet), options)
    measured = list(zip(history.validation_steps, history.validation_losses, strict=True))
    for step, loss in measured[:: max(1, options.epochs // 10)]:
        print(f"after {step:5} updates: {loss:.2%} pre-emphasised, held out")
    print(f"{history.steps:,} updates in {history.seconds:.0f} s\n")
    y = play(amplifier, dry, rate, options.block)
    report(dry, wet, y)
    write(folder / "network.wav", rate, y)
    rb.save_weights(amplifier, folder / "network.safetensors")
    if find_spec("matplotlib"):
        draw(folder / "amplifier.png", rate, history, dry, wet, y)
    print("\n".join(str(path) for path in sorted(folder.iterdir())))


if __name__ == "__main__":
    main()
