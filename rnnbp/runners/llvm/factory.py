"""Kernels as a backend."""

from __future__ import annotations

from typing import ClassVar, final

from rnnbp.graph.layout import Layout
from rnnbp.layers.base import Layer
from rnnbp.layers.symbols import Symbols
from rnnbp.machine.team import threads
from rnnbp.numerics import Dtype
from rnnbp.runners.base import Runner
from rnnbp.runners.factory import LayerRunner, LayerSizes, RunnerFactory
from rnnbp.runners.llvm.activation import ActivationKernel
from rnnbp.runners.llvm.activation_sizes import ActivationSizes, activates
from rnnbp.runners.llvm.buffers import Buffers
from rnnbp.runners.llvm.compiled import kernel_sizes
from rnnbp.runners.llvm.conv import ConvKernel
from rnnbp.runners.llvm.conv_sizes import ConvKernelSizes, convolves
from rnnbp.runners.llvm.dense import DenseKernel, DenseKernelSizes, fits
from rnnbp.runners.llvm.norm import NormKernel
from rnnbp.runners.llvm.norm_sizes import NormKernelSizes, normalises
from rnnbp.runners.llvm.packing import Panels, fill
from rnnbp.runners.llvm.pool import PoolKernel
from rnnbp.runners.llvm.pool_sizes import PoolKernelSizes, pools
from rnnbp.runners.llvm.program import KernelProgram
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.llvm.table import Table
from rnnbp.runners.workspace import Workspace


class Kernels(RunnerFactory):
    """Runs cells of real numbers whose layers are all lowered, and some layers outside cells."""

    pairs: ClassVar[bool] = False
    """Whether operands of products are rounded to bfloat16."""

    def __init__(
        self, workspace: Workspace, without: frozenset[str] = frozenset(), *, short: bool = False
    ) -> None:
        super().__init__(workspace, without, short=short)
        self._unpacked: list[Panels] = []
        """Weights of runners that wait to be packed, all at once: so threads share them better."""

    @classmethod
    def sizes(
        cls,
        layout: Layout,
        without: frozenset[str],
        symbols: Symbols | None,
        *,
        short: bool = False,
    ) -> KernelSizes | None:
        count = 0 if symbols is None else symbols.n_symbols
        return kernel_sizes(layout, without, count, pairs=cls.pairs, short=short)

    def runner(self, layout: Layout, symbols: Symbols | None) -> Runner | None:
        found = self.sizes(layout, self.without, symbols, short=self.short)
        if found is None:
            return None
        table = None
        if symbols is not None and found.symbols:
            table = Table(symbols, found, self.workspace)
        return KernelProgram(found, Buffers(found, self.workspace, table), self._unpacked)

    @classmethod
    def layer_sizes(cls, layer: Layer, dtype: Dtype) -> LayerSizes | None:
        if convolves(layer, dtype):
            return ConvKernelSizes(layer)
        if pools(layer, dtype):
            return PoolKernelSizes(layer)
        if activates(layer, dtype):
            return ActivationSizes(layer)
        if normalises(layer, dtype):
            return NormKernelSizes(layer, dtype)
        return DenseKernelSizes(layer, dtype, cls.pairs) if fits(layer, dtype) else None

    def layer(self, layer: Layer, dtype: Dtype, *, brief: bool) -> LayerRunner | None:
        if convolves(layer, dtype):
            return ConvKernel(layer, dtype, self.workspace, brief=brief)
        if pools(layer, dtype):
            return PoolKernel(layer, dtype, self.workspace, brief=brief)
        if activates(layer, dtype):
            return ActivationKernel(layer, dtype, self.workspace, brief=brief)
        if normalises(layer, dtype):
            return NormKernel(layer, dtype, self.workspace, brief=brief)
        return (
            DenseKernel(layer, dtype, self.workspace, self._unpacked, brief=brief, pairs=self.pairs)
            if fits(layer, dtype)
            else None
        )

    @classmethod
    def threads(cls) -> int:
        return threads.count()

    def pack(self) -> None:
        fill(self._unpacked, self.workspace.threads)
        self._unpacked.clear()


@final
class KernelFactory(Kernels):
    """With products of numbers as they are."""


@final
class RoundedFactory(Kernels):
    """With products of numbers rounded to bfloat16, of float32 models."""

    pairs = True
