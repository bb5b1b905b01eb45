"""Models that PyTorch exports to ONNX, read back: outputs and gradients against PyTorch."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import rnnbp as rb  # noqa: E402
from tests import onnx_torch_nets as nets  # noqa: E402
from tests.onnx_torch_nets import B, F, T  # noqa: E402

NEAR = 2e-6
"""Relative, of single precision."""
EXPORTERS = ["torchscript", "dynamo"]
UNROLLED = {"relu and mean", "rnn of both directions"}
"""RNNs, which the newer exporter writes step by step."""
pytestmark = pytest.mark.long


def exported(
    net: Any,
    inputs: tuple[Any, ...],
    exporter: str,
    axes: dict[str, dict[int, str]],
    opset: int = 20,
) -> Any:
    """The ModelProto of an exporter of PyTorch; sizes are symbolic in that of the older one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            pytest.importorskip("onnxscript")
            return torch.onnx.export(net, inputs, dynamo=True, verbose=False).model_proto
        file = io.BytesIO()
        torch.onnx.export(
            net,
            inputs,
            file,
            dynamo=False,
            input_names=list(axes),
            dynamic_axes=axes,
            opset_version=opset,
        )
        return onnx.load_model_from_string(file.getvalue())


def near(found: np.ndarray, wanted: Any, limit: float = NEAR) -> None:
    wanted = wanted.detach().numpy()
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    assert np.abs(found - wanted).max() <= limit * np.abs(wanted).max()


def compare(model: Any, net: Any, x: Any, *, batch_first: bool) -> None:
    """Outputs and the gradient of x of both, by a mean squared error to random targets."""
    x.requires_grad_()
    wanted = net(x)
    target = torch.randn_like(wanted)
    torch.nn.functional.mse_loss(wanted, target).backward()
    series = wanted.ndim == 3 and batch_first
    order = [1, 0, *range(2, x.ndim)] if batch_first else list(range(x.ndim))
    ours = x.detach().permute(order).contiguous().numpy()
    limit = 1e-12 if x.dtype == torch.float64 else NEAR
    near(rb.predict(model, ours)[0], wanted.permute(1, 0, 2) if series else wanted, limit)
    targets = target.permute(1, 0, 2) if series else target
    grads = rb.bptt(
        model, ours, targets.contiguous().numpy(), rb.losses.MeanSquaredError(), dx=True
    )
    near(grads.dx, x.grad.permute(order), limit)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(5)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", nets.SERIES)
def test_series_to_series(name: str, exporter: str) -> None:
    skip_unrolled(name, exporter)
    net = nets.SERIES[name]().eval()
    x = torch.randn(T, B, F, dtype=next(net.parameters()).dtype)
    model = rb.interchange.from_onnx(exported(net, (x,), exporter, {"x": {0: "T", 1: "B"}}))
    compare(model, net, x, batch_first=False)


def skip_unrolled(name: str, exporter: str) -> None:
    """Skip what an exporter writes without recurrent nodes."""
    skip = exporter == "dynamo" and name in UNROLLED
    pytest.skip("steps written out") if skip else None


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", nets.LAST)
def test_series_to_one_value(name: str, exporter: str) -> None:
    net, x = nets.LAST[name]().eval(), torch.randn(B, T, F)
    model = rb.interchange.from_onnx(exported(net, (x,), exporter, {"x": {0: "B", 1: "T"}}))
    compare(model, net, x, batch_first=True)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_pictures(exporter: str) -> None:
    net, x = nets.frames().eval(), torch.randn(B, T, 2, 8, 8)
    model = rb.interchange.from_onnx(exported(net, (x,), exporter, {"x": {0: "B", 1: "T"}}))
    compare(model, net, x, batch_first=True)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_symbols(exporter: str) -> None:
    net, x = nets.symbols().eval(), torch.randint(0, 7, (B, T))
    model = rb.interchange.from_onnx(exported(net, (x,), exporter, {"x": {0: "B", 1: "T"}}))
    assert isinstance(model, rb.Sequential)
    near(rb.predict(model, x.T.contiguous().numpy())[0], net(x).permute(1, 0, 2))


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_an_encoder_and_a_decoder(exporter: str) -> None:
    net, x, z = nets.coder().eval(), torch.randn(T, B, F), torch.randn(T, B, 3)
    axes = {"x": {0: "T", 1: "B"}, "z": {0: "T", 1: "B"}}
    model = rb.interchange.from_onnx(exported(net, (x, z), exporter, axes))
    near(rb.predict(model, (x.numpy(), z.numpy()))[0], net(x, z))


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_initial_and_final_states(exporter: str) -> None:
    net, x = nets.with_states().eval(), torch.randn(T, B, F)
    h, c = torch.randn(2, B, 5), torch.randn(2, B, 5)
    axes = {"x": {0: "T", 1: "B"}, "h": {1: "B"}, "c": {1: "B"}}
    model = rb.interchange.from_onnx(exported(net, (x, h, c), exporter, axes))
    turned = tuple(each.permute(1, 0, 2).contiguous().numpy() for each in (h, c))
    y, h_n, c_n = rb.predict(model, (x.numpy(), *turned))[0].values()
    wanted = net(x, h, c)
    near(y, wanted[0])
    near(h_n, wanted[1].permute(1, 0, 2))
    near(c_n, wanted[2].permute(1, 0, 2))


def test_steps_that_were_written_out_are_refused() -> None:
    net, x = nets.SERIES["relu and mean"]().eval(), torch.randn(T, B, F)
    with pytest.raises(ValueError, match=r"no node is an LSTM.*dynamo=False"):
        rb.interchange.from_onnx(exported(net, (x,), "dynamo", {"x": {0: "T", 1: "B"}}))


def test_packed_rows_are_lengths_of_a_run() -> None:
    net, x, lengths = nets.packed().eval(), torch.randn(T, B, F), torch.tensor([T, 4, 1])
    axes = {"x": {0: "T", 1: "B"}, "lengths": {0: "B"}}
    model = rb.interchange.from_onnx(exported(net, (x, lengths), "torchscript", axes))
    near(rb.predict(model, x.numpy(), lengths=lengths.numpy())[0], net(x, lengths))


@pytest.mark.parametrize("names", [("time", "batch"), ("batch", "time"), ("n", "k")])
def test_names_of_axes_are_hints_alone(names: tuple[str, str]) -> None:
    """Recurrent nodes say which axis is time, whatever a file calls it."""
    net, x = nets.LAST["last of 2 layers"]().eval(), torch.randn(B, T, F)
    model = rb.interchange.from_onnx(
        exported(net, (x,), "torchscript", {"x": dict(enumerate(names))})
    )
    near(rb.predict(model, x.permute(1, 0, 2).contiguous().numpy())[0], net(x))


@pytest.mark.parametrize("opset", [9, 11, 13, 18])
@pytest.mark.parametrize("name", ["final states", "cells"])
def test_older_opsets_have_other_forms_of_the_same_nodes(name: str, opset: int) -> None:
    net, x = nets.LAST[name]().eval(), torch.randn(B, T, F)
    proto = exported(net, (x,), "torchscript", {"x": {0: "B", 1: "T"}}, opset)
    assert proto.opset_import[0].version == opset
    compare(rb.interchange.from_onnx(proto), net, x, batch_first=True)
