"""A network of excitatory and inhibitory units learns to match to a sample (Song et al. 2016).

A trial: while a fixation point is on, a sample is shown, one of a few directions; after a delay of
random length a test, and when the point goes out the network says whether both were the same.

The rates follow r' = (1 − a) r + a relu(W r + V x + b + noise), a = 50 ms / 100 ms: columns of W of
one sign each (Dale's law), most connections absent, V ≥ 0, noise of σ √(2/a) N(0, 1) for each unit
and step. The choice is read from the excitatory units by weights ≥ 0. The loss counts
until the point goes out, and in the decision; squares of rates and weights are penalised.

H. F. Song, G. R. Yang and X.-J. Wang, Training excitatory-inhibitory recurrent neural networks for
cognitive tasks: a simple and flexible framework, PLoS Computational Biology 12 (2), e1004792, 2016;
G. R. Yang et al., Task representations in neural networks trained to perform many cognitive tasks,
Nature Neuroscience 22, 297-306, 2019.
"""

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import rnnbp as rb

DT, TAU = 50, 100  # ms, of a step and of the units
LEAK = DT / TAU
FIXATION, SAMPLE, TEST, GRACE, DECISION = (
    200,
    300,
    300,
    100,
    300,
)  # ms; the first 100 of the decision do not count
TUNED = 8  # inputs, each of a preferred direction
WIDTH = 2.0  # of their tuning, the concentration of a von Mises function
FIXATE, MATCH, DIFFERENT = range(3)
RADIUS = 1.5  # of the spectrum of the initial weights: below 1 a sample is soon forgotten
PER_EPOCH = 50
CHOICES = ("fixate", "match", "different")


class Trials(NamedTuple):
    """T steps of B trials; shorter ones are padded at the end."""

    x: np.ndarray  # (T, B, 1 + TUNED): the fixation point, then the inputs tuned to directions
    target: np.ndarray  # (T, B): what to say
    weight: np.ndarray  # (T, B): of each step in the loss
    delay: np.ndarray  # (B,) ms
    sample: np.ndarray  # (B,): directions, numbered
    test: np.ndarray

    @property
    def choice(self) -> np.ndarray:
        """(B,) What is right."""
        return np.where(self.sample == self.test, MATCH, DIFFERENT)


def tuning(direction: np.ndarray, directions: int) -> np.ndarray:
    """(..., TUNED) Responses to numbered directions, 1 at the preferred one."""
    angle = 2 * np.pi * direction[..., None] / directions
    preferred = 2 * np.pi * np.arange(TUNED) / TUNED
    return np.exp(WIDTH * (np.cos(angle - preferred) - 1))


def trials(
    count: int, directions: int, delays: tuple[int, int], seed: int | tuple[int, ...]
) -> Trials:
    """Half of them match on average; delays are uniform between two times in ms, both included."""
    rng = np.random.default_rng(seed)
    delay = DT * rng.integers(delays[0] // DT, delays[1] // DT + 1, count)
    sample, other = rng.integers(directions, size=count), rng.integers(1, directions, size=count)
    test = np.where(rng.random(count) < 0.5, sample, (sample + other) % directions)
    again = FIXATION + SAMPLE + delay
    decided = again + TEST
    t = np.arange(0, FIXATION + SAMPLE + delays[1] + TEST + DECISION, DT)[:, None]
    x = np.zeros((len(t), count, 1 + TUNED), np.float32)
    x[..., 0] = t < decided
    for at, ms, direction in ((FIXATION, SAMPLE, sample), (again, TEST, test)):
        x[..., 1:] += ((at <= t) & (t < at + ms))[..., None] * tuning(direction, directions)
    choice = np.where(sample == test, MATCH, DIFFERENT)
    target = np.where(t < decided, FIXATE, choice)
    counted = (t >= decided + GRACE) & (t < decided + DECISION)
    weight = (counted + 0.2 * (t < decided)).astype(np.float32)
    return Trials(x, target, weight, delay, sample, test)


class Network(NamedTuple):
    """One network, and its parts that do not change: ``choices`` and ``rates`` share parameters."""

    signs: np.ndarray  # (N,): of what each unit sends, excitatory ones first
    mask: np.ndarray  # (N, N), bool: connections that there are, to a row from a column
    choices: rb.Graph  # x → logits (T, B, 3)
    rates: rb.Graph  # x → rates (T, B, N)

    @property
    def weights(self) -> np.ndarray:
        """(N, N) What units send to each other."""
        return np.abs(self.choices.params["network.recurrent"]) * (self.mask * self.signs)


def connect(
    units: int, density: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(signs, mask, initial strengths): four of five excite; the others are four times as strong.

    So a unit is excited as much as inhibited; no unit connects to itself.
    """
    signs = np.where(np.arange(units) < round(0.8 * units), 1.0, -1.0)
    mask = (rng.random((units, units)) < density) & ~np.eye(units, dtype=bool)
    strengths = rng.gamma(2, 1, (units, units)) * np.where(signs > 0, 1, 4) * mask
    radius = np.abs(np.linalg.eigvals(strengths * signs)).max()
    return signs, mask, strengths * (RADIUS / radius)


def build(options: argparse.Namespace) -> Network:
    """The network; noise and the two penalties are layers of it."""
    rng, n = np.random.default_rng(options.seed), options.units
    signs, mask, strengths = connect(n, options.density, rng)
    excitatory = int((signs > 0).sum())

    x, r = rb.Input(1 + TUNED), rb.State(n, "r")
    w = abs(rb.Parameter((n, n), init=strengths, name="recurrent")) * (mask * signs)
    w = rb.Penalty(l2=options.weight_cost, name="weights")(w)
    v = abs(rb.Parameter((n, 1 + TUNED), init=rng.uniform(0, 0.5, (n, 1 + TUNED)), name="input"))
    noise = rb.GaussianNoise(options.noise * (2 / LEAK) ** 0.5)
    driven = rb.ReLU()(noise(w @ r + v @ x + rb.Parameter(n, init=0.0, name="bias")))
    r_new = (1 - LEAK) * r + LEAK * driven
    layer = rb.Recurrent(rb.Cell(x, {r: r_new}, output=r_new), name="network")

    shown = rb.Input(1 + TUNED)
    rates = rb.Penalty(l2=options.rate_cost, name="rates")(layer(shown))
    out = abs(rb.Parameter((3, excitatory), init=rng.uniform(0, 0.2, (3, excitatory)), name="out"))
    choices = out @ rates[:excitatory] + rb.Parameter(3, init=0.0, name="out_bias")
    return Network(signs, mask, rb.Graph(shown, choices), rb.Graph(shown, rates))


def batches(options: argparse.Namespace, longest: int) -> rb.Batches:
    """New trials in every batch, from (seed, longest delay, epoch, number)."""

    def epoch(number: int) -> Iterator[tuple[np.ndarray, ...]]:
        for k in range(PER_EPOCH):
            seed = (options.seed, longest, number, k)
            yield trials(options.batch, options.directions, (options.shortest, longest), seed)[:3]

    return rb.Batches(epoch)


def show_plan(network: Network, options: argparse.Namespace) -> None:
    """Says what training on the longest trials takes, before it does."""
    steps = len(trials(1, options.directions, (options.shortest, options.longest), 0).x)
    how = {"steps": steps, "batch": options.batch, "dx": False, "optimizer": "adam"}
    loss = rb.losses.CrossEntropy()
    plan = rb.plan(network.choices, loss, **how, budget=options.budget)
    most = plan.frontier[-1]
    print(
        f"{plan.chosen.name}, chunks of {plan.chunk} of {steps} steps: "
        f"{plan.chosen.bytes / 1e6:.2f} MB, where {most.name} takes {most.bytes / 1e6:.2f} MB"
    )


def train(network: Network, options: argparse.Namespace) -> rb.train.History:
    """Delays become longer, as animals are trained: when the choices of one stage are right."""

    def learned(event: rb.train.Event) -> None:
        if event.kind == "validation" and event.metrics["val_accuracy"] >= options.enough:
            event.stop("learned")

    trainer = rb.Trainer(
        network.choices,
        "adam",
        rb.losses.CrossEntropy(),
        learning_rate=options.lr,
        clip_norm=1.0,
        checkpoint=options.budget,
        metrics=["accuracy"],
        callbacks=[learned],
        seed=options.seed,
    )
    stages = [*range(options.shortest + 200, options.longest, 200), options.longest]
    for longest in stages:
        seen = trials(500, options.directions, (options.shortest, longest), (options.seed, longest))
        decision = seen.weight * (seen.target != FIXATE)
        trainer.validation = [(seen.x, seen.target, decision)]
        history = trainer.fit(batches(options, longest), epochs=options.epochs)
        found = history.metrics["validation_accuracy"][-1]
        print(
            f"delays up to {longest:,} ms: {found:.1%} right after {history.steps:,} updates, "
            f"{history.seconds:.0f} s"
        )
    return history


def right(network: Network, given: Trials, noise: bool) -> np.ndarray:
    """(B,) True where the choice at the end of a trial is right."""
    how = {"mask": given.weight, "last": True, "training": noise}
    y, _ = rb.predict(network.choices, given.x, **how)
    return y.argmax(axis=-1) == given.choice


def draw(path: Path, network: Network, options: argparse.Namespace) -> None:
    """Trials of each kind with rates and choices; delays past those of training; the weights."""
    from matplotlib.figure import Figure

    figure = Figure((12, 9), layout="constrained")
    top, bottom = figure.subfigures(2, height_ratios=[1.4, 1])
    draw_trials(top, network, options)
    delays, matrix, spectrum = bottom.subplots(1, 3)
    draw_delays(delays, network, options)
    w = network.weights
    limit = np.quantile(np.abs(w[w != 0]), 0.98)
    drawn = matrix.imshow(w, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    bottom.colorbar(drawn, ax=matrix)
    matrix.set(xlabel="from", ylabel="to", title="Weights, inhibitory columns last")
    values = np.linalg.eigvals(w)
    spectrum.plot(values.real, values.imag, ".")
    spectrum.axvline(1, color="0.7", ls=":")
    spectrum.set(xlabel="real", ylabel="imaginary", title="Eigenvalues of the weights")
    figure.savefig(path, dpi=120)


def draw_trials(figure: Any, network: Network, options: argparse.Namespace) -> None:
    """One trial of each kind, of the longest delay: inputs, rates by their peaks, choices."""
    given = trials(200, options.directions, (options.longest, options.longest), (options.seed, 2))
    shown = [int(np.argmax(given.choice == kind)) for kind in (MATCH, DIFFERENT)]
    rates = rb.predict(network.rates, given.x, training=True)[0]
    logits = rb.predict(network.choices, given.x, training=True)[0]
    likely = np.exp(logits - logits.max(axis=-1, keepdims=True))
    likely /= likely.sum(axis=-1, keepdims=True)
    excites = network.signs > 0
    first = rates[:, shown[0]]
    order = np.lexsort([first.argmax(axis=0), ~excites])  # by peak, inhibitory units last
    extent = {"aspect": "auto", "interpolation": "nearest", "cmap": "magma"}
    for axes, trial in zip(figure.subplots(3, 2, sharex=True).T, shown, strict=True):
        axes[0].imshow(given.x[:, trial].T, **extent)
        axes[0].set_title(
            f"{CHOICES[given.choice[trial]]}: directions {given.sample[trial]} and "
            f"{given.test[trial]}"
        )
        scaled = rates[:, trial, order] / np.maximum(rates[..., order].max(axis=(0, 1)), 1e-9)
        axes[1].imshow(scaled.T, **extent)
        axes[1].axhline(excites.sum() - 0.5, color="w", lw=0.8)
        axes[2].plot(likely[:, trial], label=CHOICES)
        axes[2].set(xlabel=f"steps of {DT} ms", ylim=(-0.05, 1.05))
        for ax, label in zip(axes, ("input", "unit, E then I", "probability"), strict=True):
            ax.set_ylabel(label)
    axes[2].legend(loc="center left")


def draw_delays(axes: Any, network: Network, options: argparse.Namespace) -> None:
    """The share of right choices by the delay, to twice the longest one of training."""
    delays = range(options.shortest, 2 * options.longest + 1, 2 * DT)
    for noise in (True, False):
        scores = []
        for ms in delays:
            given = trials(300, options.directions, (ms, ms), (options.seed, 3, ms))
            scores.append(right(network, given, noise).mean())
        axes.plot(delays, scores, ".-", label="with noise" if noise else "without")
    axes.axvspan(options.shortest, options.longest, color="0.93", label="trained")
    axes.axhline(0.5, color="0.7", ls=":")
    axes.set(xlabel="delay, ms", title="Choices that are right", ylim=(0.4, 1.02))
    axes.legend(loc="lower left")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=100, help="four of five are excitatory")
    parser.add_argument("--density", type=float, default=0.3, help="share of connections there are")
    parser.add_argument("--noise", type=float, default=0.1, help="σ, private to each unit")
    parser.add_argument("--directions", type=int, default=4)
    parser.add_argument("--shortest", type=int, default=200, help="delay, ms")
    parser.add_argument("--longest", type=int, default=1200, help="delay, ms")
    parser.add_argument("--rate-cost", type=float, default=1e-5, help="of squared rates")
    parser.add_argument("--weight-cost", type=float, default=1e-5, help="of squared weights")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=40, help="of 50 updates, at most, a stage")
    parser.add_argument("--enough", type=float, default=0.98, help="right, for the next stage")
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--budget", default="3 MB", help="bytes that training may hold")
    parser.add_argument("--seed", type=int, default=0, help="of network and trials")
    parser.add_argument("--folder", type=Path, default=Path("runs/decision_task"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    network = build(options)
    print(
        f"{options.units} units, {(network.signs > 0).sum()} of them excitatory, "
        f"{network.mask.sum():,} connections"
    )
    show_plan(network, options)
    train(network, options)
    delays = (options.shortest, options.longest)
    fresh = trials(1000, options.directions, delays, (options.seed, 1))
    found = [right(network, fresh, noise).mean() for noise in (True, False)]
    print(f"of 1,000 new trials {found[0]:.1%} right with noise, {found[1]:.1%} without")
    rates, _ = rb.predict(network.rates, fresh.x, training=True)
    print(f"rates {rates.mean():.2f} on average, {rates.max():.1f} at most")
    rb.save_weights(network.choices, folder / "network.safetensors")
    if find_spec("matplotlib"):
        draw(folder / "decision_task.png", network, options)
    print("\n".join(str(path) for path in sorted(folder.iterdir())))


if __name__ == "__main__":
    main()
