"""The attentive interaction: a bidirectional LSTM over tokens, gated by self-attention. Both branches use this form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from mccl_jax.models.init import Draw
from mccl_jax.models.norm import TokenNorm
from mccl_jax.models.precision import EXACT, FLOAT32, Precision


class BiLSTM(nnx.Module):
    """Bidirectional LSTM, gates in the order i, f, g, o; index 0 of each parameter is forward, 1 backward.

    A token that takes no part leaves the state as it is, so it changes nothing for the others.
    """

    def __init__(self, inputs: int, hidden: int, draw: Draw):
        bound = hidden**-0.5
        self.input_kernel = nnx.Param(draw.uniform(bound, (2, inputs, 4 * hidden)))
        self.state_kernel = nnx.Param(draw.uniform(bound, (2, hidden, 4 * hidden)))
        self.input_bias = nnx.Param(draw.uniform(bound, (2, 4 * hidden)))
        self.state_bias = nnx.Param(draw.uniform(bound, (2, 4 * hidden)))

    def __call__(
        self, x: Float[Array, "B N F"], mask: Float[Array, "B N"], precision: Precision = FLOAT32
    ) -> Float[Array, "B N 2H"]:
        """[forward, backward] states of each token; states and gates are as the parameters are, products may not be."""
        tokens = jnp.stack([x, x[:, ::-1]])  # (2, B, N, F): each direction in its own order
        took_part = jnp.stack([mask, mask[:, ::-1]])[..., None] > 0
        bias = (self.input_bias[...] + self.state_bias[...])[:, None, None]
        from_input = precision.einsum("zbnf,zfg->nzbg", tokens, self.input_kernel[...]) + bias[:, 0]

        def advance(state, token):
            h, c = state
            gates, alive = token
            i, f, g, o = jnp.split(gates + precision.einsum("zbh,zhg->zbg", h, self.state_kernel[...]), 4, axis=-1)
            c_next = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
            h_next = nnx.sigmoid(o) * jnp.tanh(c_next)
            state = jnp.where(alive, h_next, h), jnp.where(alive, c_next, c)
            return state, state[0]

        # Zeros made from the input, so that they vary over the devices as it does.
        start = jnp.zeros_like(from_input[0, ..., : self.state_kernel.shape[1]])
        _, states = jax.lax.scan(advance, (start, start), (from_input, jnp.moveaxis(took_part, 2, 0)))
        forward, backward = states[:, 0], states[::-1, 1]
        return jnp.moveaxis(jnp.concatenate([forward, backward], axis=-1), 0, 1)


class Interaction(NamedTuple):
    """gated (B, N, 2H): the tokens after the interaction; attention (B, heads, N, N): who looks at whom."""

    gated: Float[Array, "B N D"]
    attention: Float[Array, "B heads N N"]


class AttentiveInteraction(nnx.Module):
    """y = h * sigmoid(norm(attention(h))) with h = BiLSTM(x).

    Attention: q, k, v from one bias-free linear map in this order, heads side by side in the channels, scale
    (D / heads)^-0.5, no output projection; the normalisation is left out where there is a single token, or where it is
    not `normalised` at all.
    """

    def __init__(self, inputs: int, hidden: int, heads: int, norm_eps: float, draw: Draw, normalised: bool = True):
        size = 2 * hidden
        self.lstm = BiLSTM(inputs, hidden, draw)
        self.qkv = nnx.Param(draw.uniform(size**-0.5, (size, 3 * size)))
        self.norm = TokenNorm(size, norm_eps) if normalised else None
        self.heads = heads

    def __call__(
        self, x: Float[Array, "B N F"], mask: Float[Array, "B N"], precision: Precision = FLOAT32
    ) -> Interaction:
        """mask 0: the token takes no part and its gated value is 0."""
        h = self.lstm(x, mask, precision)
        B, N, D = h.shape
        q, k, v = jnp.moveaxis(precision.matmul(h, self.qkv[...]).reshape(B, N, 3, self.heads, D // self.heads), 2, 0)
        scores = precision.einsum("bnhd,bmhd->bhnm", q, k) * (D // self.heads) ** -0.5
        # A large negative number rather than -inf: a sample without any token must not give NaN.
        attention = nnx.softmax(jnp.where(mask[:, None, None, :] > 0, scores, -1e9), axis=-1)
        attended = precision.einsum("bhnm,bmhd->bnhd", attention, v).reshape(B, N, D)
        if N > 1 and self.norm is not None:
            attended = self.norm(attended, mask)
        return Interaction(h * nnx.sigmoid(attended) * mask[:, :, None], attention)


class Unrelated(nnx.Module):
    """y = x W + b, each token by itself: what stands in the place of the interaction in a model without it."""

    def __init__(self, inputs: int, hidden: int, draw: Draw):
        self.kernel = nnx.Param(draw.uniform(inputs**-0.5, (inputs, 2 * hidden)))
        self.bias = nnx.Param(draw.uniform(inputs**-0.5, (2 * hidden,)))

    def __call__(
        self, x: Float[Array, "B N F"], mask: Float[Array, "B N"], precision: Precision = FLOAT32
    ) -> Interaction:
        """mask 0: the value is 0. The attention is that of tokens that look at themselves alone, (B, 1, N, N)."""
        y = precision.matmul(x, self.kernel[...]) + self.bias[...]
        B, N, _ = x.shape
        return Interaction(y * mask[:, :, None], jnp.broadcast_to(jnp.eye(N), (B, 1, N, N)))


class TokenConv(nnx.Module):
    """1-D convolution with the tokens as input channels, sliding along the features: kernel (3, N), padding 1, bias.

    y[d] = bias + sum_n sum_k kernel[k, n] x[n, d + k - 1]
    """

    def __init__(self, tokens: int, draw: Draw):
        bound = (3 * tokens) ** -0.5
        self.kernel = nnx.Param(draw.uniform(bound, (3, tokens)))
        self.bias = nnx.Param(draw.uniform(bound, ()))

    def __call__(self, x: Float[Array, "*batch N D"]) -> Float[Array, "*batch D"]:
        """One vector from N tokens."""
        size = x.shape[-1]
        padded = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 1)])
        shifted = jnp.stack([padded[..., k : k + size] for k in range(3)])
        return jnp.einsum("k...nd,kn->...d", shifted, self.kernel[...], precision=EXACT) + self.bias[...]
