"""How many products and sums a program asks for: the same number whatever it is compiled for.

XLA's own count serves for CPUs alone: of a GPU's program it leaves out the convolutions, which libraries do, and before
compilation it has none for GPUs and TPUs.
"""

import math
from collections.abc import Callable

import jax
import numpy as np
from jax.extend import core


def flops(function: Callable, *arguments) -> float:
    """Products and sums of the convolutions and matrix products on one device, two for each pair of values.

    All else, which is less than a hundredth of the full-size model, is left out. What meets padding or the gap of a
    dilated convolution is not counted. A loop of unknown length counts once, and of branches the one that has most. Of
    a jitted function the trace is kept: lowering it for the same arguments does not trace it again.
    """
    return _of(jax.make_jaxpr(function)(*arguments).jaxpr)


def _of(jaxpr: core.Jaxpr) -> float:
    total = 0.0
    for equation in jaxpr.eqns:
        name, named = equation.primitive.name, equation.params
        if name == "dot_general":
            x, _ = (one.aval.shape for one in equation.invars)
            (contracted, _), _ = named["dimension_numbers"]
            total += 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(x[i] for i in contracted)
        elif name == "conv_general_dilated":
            total += _of_convolution(*(one.aval.shape for one in (*equation.invars, *equation.outvars)), named)
        else:
            inside = [_of(one) for value in named.values() for one in _jaxprs(value)]
            total += max(inside, default=0) if name == "cond" else sum(inside) * named.get("length", 1)
    return total


def _of_convolution(x: tuple[int, ...], kernel: tuple[int, ...], out: tuple[int, ...], named: dict) -> float:
    (_, _, *of_x), (_, inputs, *of_kernel), (batch, outputs, *of_out) = named["dimension_numbers"]
    pairs = out[batch] * out[outputs] * kernel[inputs]
    windows = (named[key] for key in ("window_strides", "padding", "lhs_dilation", "rhs_dilation"))
    for a, b, c, stride, (low, _), gap, spread in zip(of_x, of_kernel, of_out, *windows, strict=True):
        # Where in x each value of the kernel falls, for each place of the result.
        at = np.arange(out[c])[:, None] * stride + np.arange(kernel[b]) * spread - low
        pairs *= int(np.sum((at >= 0) & (at % gap == 0) & (at // gap < x[a])))
    return 2.0 * pairs


def _jaxprs(value) -> list[core.Jaxpr]:
    """Those in a parameter of an equation."""
    if isinstance(value, core.ClosedJaxpr):
        return [value.jaxpr]
    if isinstance(value, core.Jaxpr):
        return [value]
    return [one for part in value for one in _jaxprs(part)] if isinstance(value, tuple | list) else []
