"""The next day of three loads, as quantiles, from a week with gaps (Wen et al. 2017).

Synthetic districts, each with hourly loads of homes, of offices and of heating. They follow the
hour, the day of the week, holidays and the temperature, and share a factor that nobody measures.
Meters fail for hours or days: a value that is missing is 0 to the network, next to a flag of each
value that is there, and does not count in the loss.

An encoder, an LSTM, reads the week before: loads, flags, weather, calendar. A decoder, an LSTM of
each direction, reads what is known of the hours to come, the calendar and a forecast of the
temperature; its first states are functions of the encoder's last one. It writes three quantiles of
each load, trained by the pinball loss. Past and future are two axes of time, under one budget of
bytes: a third of what keeping all would take.

The share of the hours whose load lies between the quantiles 0.1 and 0.9 is to be 0.8: in the 119
days of the test it is 0.80 (seed 0) and 0.78 (seed 1). The mean pinball loss is 0.029 of the mean
load, that of the same hour a week ago with the quantiles of its errors 0.069.

R. Wen et al., A multi-horizon quantile recurrent forecaster, arXiv:1711.11053, 2017.
"""

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

import rnnbp as rb

LOADS = ("homes", "offices", "heating")
QUANTILES = (0.1, 0.5, 0.9)
DAY, WEEK = 24, 168
N_LOADS, N_Q, N_KNOWN = len(LOADS), len(QUANTILES), 8


class Districts(NamedTuple):
    """B districts over T hours, from a Monday in January on."""

    load: np.ndarray  # (T, B, 3), in units of each one's mean; NaN where the meter failed
    truth: np.ndarray  # (T, B, 3), without gaps
    known: np.ndarray  # (T, B, 8): known in advance
    past: np.ndarray  # (T, B, 1): temperature as it was, scaled


def drift(rng: np.random.Generator, shape: tuple[int, ...], keep: float) -> np.ndarray:
    """(T, ...) A process of deviation 1 that keeps a share from hour to hour."""
    found = rng.normal(size=shape)
    for t in range(1, len(found)):
        found[t] = keep * found[t - 1] + (1 - keep**2) ** 0.5 * found[t]
    return found


def gaps(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    """(T, ...) True where a meter has failed, for 20 hours on average."""
    found, draws = np.zeros(shape, bool), rng.random(shape)
    for t in range(1, len(found)):
        found[t] = draws[t] < np.where(found[t - 1], 1 - 1 / 20, share / (1 - share) / 20)
    return found


def calendar(rng: np.random.Generator, hours: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(hour of the day, day of the year, whether there is no work), each (T,)."""
    t = np.arange(hours)
    day = t // DAY
    holidays = rng.choice(day[-1] + 1, size=(day[-1] + 1) // 30, replace=False)
    return t % DAY, day % 365, (day % 7 >= 5) | np.isin(day, holidays)


def peak(hour: np.ndarray, at: float, width: float) -> np.ndarray:
    """1 at an hour of the day, less before and after."""
    return np.exp(np.cos(2 * np.pi * (hour - at) / DAY) / width - 1 / width)


def loads(
    hour: np.ndarray, free: np.ndarray, temperature: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(T, B, 3) The loads but for noise: profiles of the hour, times functions of temperature."""
    hour, free = hour[:, None], free[:, None]
    late, size = rng.uniform(-1, 1, (2, temperature.shape[1]))
    cold, hot = np.maximum(16 - temperature, 0), np.maximum(temperature - 21, 0)
    homes = 0.5 + peak(hour, 19 + late, 0.3) + (0.4 + 0.3 * free) * peak(hour, 9 + 2 * free, 0.4)
    offices = 0.4 + (1 - 0.8 * free) * (1.2 + 0.3 * size) * peak(hour, 13 + late, 0.8)
    heating = 0.3 + 0.1 * cold * (1 + (0.6 - 0.3 * free) * peak(hour, 7 + late, 0.2))
    return np.stack([homes * (1 + 0.015 * cold), offices * (1 + 0.04 * hot), heating], axis=-1)


def synthesise(count: int, hours: int, share: float, seed: int) -> Districts:
    """Districts, a share of whose values is missing."""
    rng = np.random.default_rng(seed)
    hour, day, free = calendar(rng, hours)
    wave = -10 * np.cos(2 * np.pi * (day - 15) / 365) - 3 * np.cos(2 * np.pi * (hour - 3) / DAY)
    temperature = 10 + wave[:, None] + 3.5 * drift(rng, (hours, count), 0.98)
    shared = drift(rng, (hours, count, 1), 0.98) * [0.08, 0.08, 0.05]
    own = 0.05 * drift(rng, (hours, count, N_LOADS), 0.85)
    noise = 0.03 * rng.normal(size=own.shape)
    truth = loads(hour, free, temperature, rng) * np.exp(shared + own + noise)
    truth /= truth.mean(axis=0)
    foreseen = temperature + drift(rng, (hours, count), 0.95)
    angle = 2 * np.pi * np.stack([hour / DAY, hour / (DAY / 2), (day + hour / DAY) / 365])
    waves = np.stack([*np.sin(angle), *np.cos(angle), free])[..., None]
    same = np.broadcast_to(waves, (*waves.shape[:2], count))
    known = np.stack([*same, (foreseen - 10) / 8], axis=-1)
    load = np.where(gaps(rng, truth.shape, share), np.nan, truth)
    return Districts(load, truth, known, (temperature[..., None] - 10) / 8)


def windows(data: Districts, starts: np.ndarray, row: np.ndarray) -> tuple[dict, np.ndarray]:
    """Inputs and target of days that start at hours of districts, one a column.

    Returns:
        ``{"past": (168, N, 15), "future": (24, N, 8)}``, float32, and (24, N, 3, 1), NaN where the
        meter failed.
    """
    before, after = (np.arange(*k)[:, None] + starts for k in ((-WEEK, 0), (0, DAY)))
    load = data.load[before, row]
    there = ~np.isnan(load)
    parts = (np.where(there, load - 1, 0), there, data.past[before, row], data.known[before, row])
    past = np.concatenate(parts, axis=-1)
    x = {"past": past.astype(np.float32), "future": data.known[after, row].astype(np.float32)}
    return x, data.load[after, row][..., None].astype(np.float32)


def days(first: int, last: int, count: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """(hours at which days start, districts) of all districts, every ``step`` hours."""
    starts = np.arange(first, last - DAY + 1, step)
    return np.tile(starts, count), np.repeat(np.arange(count), len(starts))


def build(units: int, seed: int) -> rb.Graph:
    """past (168, B, 15), future (24, B, 8) → (24, B, 3, 3), quantiles last"""
    rng = np.random.default_rng(seed)
    n_past = 2 * N_LOADS + 1 + N_KNOWN
    past = rb.Input(n_past, "past", axis="past")
    future = rb.Input(N_KNOWN, "future", axis="future")
    _, (h, c) = rb.LSTM(n_past, units, rng=rng, name="encoder")(past, return_state=True)
    n = units // 2
    begin = [
        tuple(rb.Dense(units, n, rng=rng)(state) for state in (h, c))
        for _ in ("forward", "reverse")
    ]
    decoder = rb.Bidirectional(*(rb.LSTM(N_KNOWN, n, rng=rng) for _ in begin), name="decoder")
    y = rb.Dense(2 * n, N_LOADS * N_Q, rng=rng, name="head")(decoder(future, state=begin))
    return rb.Graph((past, future), rb.Reshape((N_LOADS * N_Q,), (N_LOADS, N_Q))(y))


def train(
    model: rb.Graph, data: Districts, last: int, options: argparse.Namespace
) -> rb.train.History:
    """Train on days before an hour. They start at any hour, in an order of (seed, epoch)."""
    places = days(WEEK, last, data.load.shape[1], options.stride)
    per_epoch = len(places[0]) // options.batch

    def epoch(number: int) -> Iterator[tuple[dict, np.ndarray]]:
        order = np.random.default_rng((options.seed, number)).permutation(len(places[0]))
        for part in np.split(order[: per_epoch * options.batch], per_epoch):
            yield windows(data, *(place[part] for place in places))

    rate = rb.optim.Cosine(options.lr, options.epochs * per_epoch)
    how = {"learning_rate": rate, "epochs": options.epochs, "seed": options.seed}
    loss = rb.losses.Known(rb.losses.Quantile(QUANTILES))
    how |= {"clip_norm": 1.0, "checkpoint": options.budget}
    return rb.fit(model, rb.Batches(epoch), loss, "adam", **how)


def pinball(y: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Of each element and quantile: y (..., 3), truth (...)."""
    d = truth[..., None] - y
    return np.maximum(np.array(QUANTILES) * d, (np.array(QUANTILES) - 1) * d)


def inside(y: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """True where a value lies between the first quantile and the last."""
    return (y[..., 0] <= truth) & (truth <= y[..., -1])


def week_ago(data: Districts, first: int) -> np.ndarray:
    """(T, B, 3, 3) Quantiles by the same hour a week ago, and its errors before an hour.

    Where that is missing the week before counts, and so on.
    """
    found = data.load.copy()
    for t in range(WEEK, len(found)):
        found[t] = np.where(np.isnan(found[t]), found[t - WEEK], found[t])
    found = np.concatenate([np.full_like(found[:WEEK], np.nan), found[:-WEEK]])
    errors = (data.load - found)[:first]
    return found[..., None] + np.moveaxis(np.nanquantile(errors, QUANTILES, axis=0), 0, -1)


def predict(model: rb.Graph, data: Districts, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles (T, B, 3, 3) and what came of it (T, B, 3), of the whole days from an hour on."""
    count, stop = data.load.shape[1], len(data.load)
    starts, row = days(first, stop, count, DAY)
    x, _ = windows(data, starts, row)
    y = rb.predict(model, x)[0].reshape(DAY, count, -1, N_LOADS, N_Q)
    joined = y.swapaxes(1, 2).swapaxes(0, 1).reshape(-1, count, N_LOADS, N_Q)
    return joined, data.truth[first : first + len(joined)]


def report(found: dict[str, np.ndarray], truth: np.ndarray) -> None:
    """The pinball loss of each load, and the share of hours between the outer quantiles."""
    print(f"\n{'':22}" + "".join(f"{load:>9}" for load in LOADS) + "      all")
    for name, y in found.items():
        for what, values in (
            ("pinball", pinball(y, truth).mean(axis=-1)),
            ("within 80 %", inside(y, truth)),
        ):
            cells = [*values.mean(axis=(0, 1)), values.mean()]
            print(f"{name:10}{what:12}" + "".join(f"{cell:9.4f}" for cell in cells))


def draw(
    path: Path, data: Districts, first: int, found: dict[str, np.ndarray], truth: np.ndarray
) -> None:
    """The last week of one district, and how often the interval holds by hour and load."""
    from matplotlib.figure import Figure

    figure = Figure((12, 8), layout="constrained")
    axes = figure.subplot_mosaic([[load, "held"] for load in LOADS], width_ratios=[2, 1])
    y, begin = found["network"], first + len(truth) - WEEK
    week, past = np.arange(WEEK), np.arange(-2 * DAY, 0)
    for k, load in enumerate(LOADS):
        low, median, high = y[-WEEK:, 0, k].T
        axes[load].plot(past, data.load[begin + past, 0, k], "k", lw=1)
        axes[load].fill_between(week, low, high, alpha=0.35, color="C0")
        axes[load].plot(week, median, "C0", lw=1.2)
        axes[load].plot(week, truth[-WEEK:, 0, k], "k.", ms=3)
        axes[load].set(title=load, xticks=np.arange(-2 * DAY, WEEK + 1, DAY))
        held = inside(y, truth)[..., k].reshape(-1, DAY, truth.shape[1]).mean(axis=(0, 2))
        axes["held"].plot(range(1, DAY + 1), held, ".-", label=load)
    axes[LOADS[-1]].set_xlabel("hours; dots: what came; each day is forecast at its beginning")
    axes["held"].axhspan(0.75, 0.85, color="0.93")
    axes["held"].axhline(0.8, color="0.7", ls=":")
    axes["held"].set(xlabel="hours ahead", ylim=(0.5, 1), title="share within the 80 % interval")
    axes["held"].legend()
    figure.savefig(path, dpi=120)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--districts", type=int, default=12)
    parser.add_argument("--days", type=int, default=600, help="to learn from")
    parser.add_argument("--later", type=int, default=119, help="days of the test")
    parser.add_argument("--missing", type=float, default=0.1, help="share of values")
    parser.add_argument("--units", type=int, default=48)
    parser.add_argument("--batch", type=int, default=64, help="days")
    parser.add_argument("--stride", type=int, default=23, help="hours between days to learn from")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-2, help="at first")
    parser.add_argument("--budget", default="6 MB", help="bytes that training may hold")
    parser.add_argument("--seed", type=int, default=0, help="of districts and network")
    parser.add_argument("--folder", type=Path, default=Path("runs/forecast"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    first = DAY * options.days
    data = synthesise(options.districts, first + DAY * options.later, options.missing, options.seed)
    model = build(options.units, options.seed)
    print(
        f"{options.districts} districts, {options.days} days to learn from, {options.later} of the "
        f"test; {np.isnan(data.load).mean():.1%} missing; "
        f"{sum(p.size for p in model.params.values()):,} parameters"
    )
    history = train(model, data, first, options)
    print(f"{history.steps:,} updates in {history.seconds:.0f} s, loss {history.losses[-1]:.4f}")
    y, truth = predict(model, data, first)
    found = {"network": y, "week ago": week_ago(data, first)[first : first + len(y)]}
    report(found, truth)
    if find_spec("matplotlib"):
        options.folder.mkdir(parents=True, exist_ok=True)
        draw(path := options.folder / "forecast.png", data, first, found, truth)
        print(f"\n{path}")


if __name__ == "__main__":
    main()
