"""Quantizes to blocks of 256 values (Q4_K, Q5_K, Q6_K), which PyPI's `gguf` can only widen.

Rounds to the nearest, without the search for better scales that real quantizers do.
"""

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

BLOCK = 256


def nearest(values, steps, low, high):
    """values / steps, rounded and clipped; zeros where a step is."""
    quotients = np.divide(values, steps, out=np.zeros_like(values), where=steps != 0)
    return np.clip(np.rint(quotients), low, high).astype(np.int32)


def halves(values):
    """As f16, and what that is."""
    stored = values.astype(np.float16)
    return stored, stored.astype(np.float32)


def join(*parts):
    """Bytes of parts (blocks x values), block by block."""
    return np.concatenate([np.ascontiguousarray(p).view(np.uint8) for p in parts], axis=-1)


def quantize_with_minima(values, bits):
    """value = d * scale * quant - dmin * minimum, scales and minima of 6 bits for each 32 values"""
    blocks = values.reshape(-1, 8, 32).astype(np.float32)
    depths = np.maximum(-blocks.min(axis=-1), 0)
    heights = (blocks.max(axis=-1) + depths) / (2**bits - 1)
    d16, d = halves(heights.max(axis=-1, keepdims=True) / 63)
    dmin16, dmin = halves(depths.max(axis=-1, keepdims=True) / 63)
    scales = nearest(heights, np.broadcast_to(d, heights.shape), 0, 63)
    minima = nearest(depths, np.broadcast_to(dmin, depths.shape), 0, 63)
    steps = (d * scales)[..., None]
    quants = nearest(blocks + (dmin * minima)[..., None], np.broadcast_to(steps, blocks.shape), 0,
                     2**bits - 1).astype(np.uint8)
    s, m = scales.astype(np.uint8), minima.astype(np.uint8)
    packed = [s[:, :4] | s[:, 4:] >> 4 << 6, m[:, :4] | m[:, 4:] >> 4 << 6,
              s[:, 4:] & 15 | (m[:, 4:] & 15) << 4]
    low = (quants & 15).reshape(-1, 4, 2, 32)
    nibbles = (low[:, :, 0] | low[:, :, 1] << 4).reshape(-1, 128)
    if bits == 4:
        return join(d16, dmin16, *packed, nibbles)
    high = (quants >> 4) << np.arange(8, dtype=np.uint8)[:, None]
    return join(d16, dmin16, *packed, np.bitwise_or.reduce(high, axis=1), nibbles)


def quantize_q6_k(values):
    """value = d * scale * (quant - 32), scales of 8 bits for each 16 values"""
    blocks = values.reshape(-1, 16, 16).astype(np.float32)
    # The value farthest from 0 becomes -32: scales have either sign.
    farthest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=-1)[..., None], -1)[..., 0]
    heights = farthest / -32
    d16, d = halves(np.abs(heights).max(axis=-1, keepdims=True) / 127)
    scales = nearest(heights, np.broadcast_to(d, heights.shape), -128, 127)
    steps = np.broadcast_to((d * scales)[..., None], blocks.shape)
    quants = (nearest(blocks, steps, -32, 31) + 32).astype(np.uint8)
    low = (quants & 15).reshape(-1, 2, 2, 64)
    high = (quants >> 4).reshape(-1, 2, 4, 32) << np.array([0, 2, 4, 6], np.uint8)[:, None]
    return join((low[:, :, 0] | low[:, :, 1] << 4).reshape(-1, 128),
                np.bitwise_or.reduce(high, axis=2).reshape(-1, 64), scales.astype(np.int8), d16)


def by_rows(quantize):
    return lambda values: quantize(values).reshape(*values.shape[:-1], -1)


QUANTIZERS = {
    Type.Q4_K: by_rows(lambda values: quantize_with_minima(values, 4)),
    Type.Q5_K: by_rows(lambda values: quantize_with_minima(values, 5)),
    Type.Q6_K: by_rows(quantize_q6_k),
}


def relative_error(values, kind):
    """Of what the package widens the quantized values to: root mean square by that of the values."""
    widened = gguf.quants.dequantize(QUANTIZERS[kind](values), kind)
    return np.sqrt(((widened - values)**2).mean() / (values**2).mean())
