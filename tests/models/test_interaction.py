"""The attentive interaction against loops over tokens and heads, and tokens that take no part."""

import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.models.init import Draw
from mccl_jax.models.interaction import AttentiveInteraction, BiLSTM, TokenConv

B, N, F, H = 3, 4, 5, 6


@pytest.fixture
def tokens():
    return np.random.default_rng(0).normal(size=(B, N, F)).astype(np.float32)


@pytest.fixture
def interaction():
    return AttentiveInteraction(F, H, heads=3, norm_eps=1e-5, draw=Draw(0))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_direction(lstm, direction, tokens):
    """States (n, H) of one sample's tokens, read in the order in which they stand."""
    w, u = np.asarray(lstm.input_kernel[direction]), np.asarray(lstm.state_kernel[direction])
    bias = np.asarray(lstm.input_bias[direction] + lstm.state_bias[direction])
    h, c, states = np.zeros(H), np.zeros(H), []
    for token in tokens:
        i, f, g, o = np.split(token @ w + h @ u + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


def test_lstm_is_a_loop_over_tokens_in_both_directions(tokens):
    lstm = BiLSTM(F, H, Draw(0))
    found = np.asarray(lstm(tokens, jnp.ones((B, N))))
    for sample in range(B):
        forward, backward = one_direction(lstm, 0, tokens[sample]), one_direction(lstm, 1, tokens[sample, ::-1])[::-1]
        np.testing.assert_allclose(found[sample], np.concatenate([forward, backward], axis=1), rtol=1e-4, atol=1e-6)


def test_without_the_normalisation_attention_gates_as_it_is(tokens):
    plain = AttentiveInteraction(F, H, heads=1, norm_eps=1e-5, draw=Draw(0), normalised=False)
    found = plain(tokens, jnp.ones((B, N)))
    h = np.asarray(plain.lstm(tokens, jnp.ones((B, N))))
    v = np.split(h @ np.asarray(plain.qkv[...]), 3, axis=-1)[2]
    attended = np.einsum("bnm,bmd->bnd", found.attention[:, 0], v)
    np.testing.assert_allclose(found.gated, h * sigmoid(attended), rtol=1e-4, atol=1e-6)


def test_interaction_is_gated_attention(tokens, interaction):
    mask = jnp.ones((B, N))
    found = interaction(tokens, mask)
    h = np.asarray(interaction.lstm(tokens, mask))
    q, k, v = np.split(h @ np.asarray(interaction.qkv[...]), 3, axis=-1)
    attended = np.zeros_like(h)
    for sample in range(B):
        for head in range(3):
            part = slice(4 * head, 4 * head + 4)  # heads side by side in the 12 channels
            scores = q[sample, :, part] @ k[sample, :, part].T / 2
            weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            np.testing.assert_allclose(found.attention[sample, head], weights, rtol=1e-5)
            attended[sample, :, part] = weights @ v[sample, :, part]
    normed = np.asarray(interaction.norm(attended, mask))
    np.testing.assert_allclose(found.gated, h * sigmoid(normed), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("there", [(0, 2), (1, 2, 3), (3,), (0, 1)])
def test_a_token_that_takes_no_part_might_as_well_not_be_there(tokens, interaction, there):
    there = list(there)
    mask = np.zeros((B, N), np.float32)
    mask[:, there] = 1
    # One more token, so that the normalisation is not left out where a single one takes part.
    only = np.concatenate([tokens[:, there], np.full((B, 1, F), 7, np.float32)], axis=1)
    expected = interaction(only, np.array([[1] * len(there) + [0]] * B, np.float32))
    filled = np.where(mask[:, :, None] > 0, tokens, 1e3)
    found = interaction(filled, mask)
    np.testing.assert_allclose(found.gated[:, there], expected.gated[:, :-1], rtol=1e-5, atol=1e-6)
    attention = np.asarray(found.attention)
    np.testing.assert_allclose(attention[..., there, :][..., there], expected.attention[..., :-1, :-1], rtol=1e-5)
    away = [n for n in range(N) if n not in there]
    np.testing.assert_array_equal(np.asarray(found.gated)[:, away], 0)
    np.testing.assert_array_equal(attention[..., away], 0)


def test_tokens_removed_from_the_sequence(tokens, interaction):
    """As above, with nothing left in their place."""
    mask = np.array([[1, 0, 1, 1]] * B, np.float32)
    found, expected = interaction(tokens, mask), interaction(tokens[:, [0, 2, 3]], jnp.ones((B, 3)))
    np.testing.assert_allclose(found.gated[:, jnp.array([0, 2, 3])], expected.gated, rtol=1e-5, atol=1e-6)


def test_a_sample_without_any_token_is_zero_and_leaves_the_others(tokens, interaction):
    mask = np.ones((B, N), np.float32)
    mask[1] = 0
    found, expected = interaction(tokens, mask), interaction(tokens, jnp.ones((B, N)))
    assert np.isfinite(found.attention).all()
    np.testing.assert_array_equal(found.gated[1], 0)
    np.testing.assert_allclose(found.gated[jnp.array([0, 2])], expected.gated[jnp.array([0, 2])], atol=1e-6)


def test_a_single_token_is_not_normalised(tokens, interaction):
    found = interaction(tokens[:, :1], jnp.ones((B, 1)))
    h = np.asarray(interaction.lstm(tokens[:, :1], jnp.ones((B, 1))))
    v = (h @ np.asarray(interaction.qkv[...]))[..., 2 * 2 * H :]
    np.testing.assert_allclose(found.gated, h * sigmoid(v), rtol=1e-4, atol=1e-6)


def test_token_conv_slides_along_the_features():
    conv, x = TokenConv(N, Draw(0)), np.random.default_rng(1).normal(size=(2, N, 7)).astype(np.float32)
    kernel = np.asarray(conv.kernel[...])
    expected = np.full((2, 7), float(conv.bias[...]))
    for d in range(7):
        for n in range(N):
            for k in range(3):
                if 0 <= d + k - 1 < 7:
                    expected[:, d] += kernel[k, n] * x[:, n, d + k - 1]
    np.testing.assert_allclose(conv(x), expected, rtol=1e-5, atol=1e-6)
