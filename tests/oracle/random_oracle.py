"""Writes tests/fixtures/ops/random.json: streams of MLX's random numbers.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python random_oracle.py
"""
import mlx.core as mx
import numpy as np

from cases import Cases

cases = Cases("random")
seeds = [0, 1, 42, 2**32 + 7, 2**64 - 1]
r = mx.random
for seed in seeds:
    cases.add("key", [], r.key(seed), seed=str(seed))
key = r.key(1234567890123)


def add(op, output, inputs=(), **args):
    cases.add(op, [key, *inputs], output, **args)


# mx.random has no bits; randint and split show them: split is bits of 4 bytes.
for count in (0, 1, 2, 3, 7, 33):
    add("split", r.split(key, count), num=count)


def numpy_bits(key, count, width):
    """The stream of one key, written out: Python's mlx has no function that shows bytes and words of 16 bits."""
    def encrypt(x, y):
        k = [int(key[0]), int(key[1])]
        k.append(k[0] ^ k[1] ^ 0x1BD11BDA)
        rotations = [(13, 15, 26, 6), (17, 29, 16, 24)]
        x, y = (x + k[0]) % 2**32, (y + k[1]) % 2**32
        for i in range(5):
            for r in rotations[i % 2]:
                x = (x + y) % 2**32
                y = ((y << r) | (y >> (32 - r))) % 2**32 ^ x
            x, y = (x + k[(i + 1) % 3]) % 2**32, (y + k[(i + 2) % 3] + i + 1) % 2**32
        return x, y

    words = (count * width + 3) // 4
    half, odd = words // 2, words % 2
    out = np.zeros(words, np.uint32)
    for i in range(half):
        out[i], out[i + half + odd] = encrypt(i, i + half + odd)
    if odd:
        out[half] = encrypt(half, 0)[0]
    return out.view(np.uint8)[:count * width].view(f"uint{8 * width}")


assert np.array_equal(numpy_bits(key.tolist(), 66, 4), np.array(r.split(key, 33)).ravel())
assert np.array_equal(numpy_bits(key.tolist(), 7 * 2, 4), np.array(r.split(key, 7)).ravel())
for width in (1, 2):
    for count in (1, 2, 3, 4, 5, 9, 50):
        add("bits", numpy_bits(key.tolist(), count, width), shape=[count], width=width)
for shape in ([1], [2], [5], [3, 7], [], [0, 3], [2, 1025]):
    add("uniform", r.uniform(shape=shape, key=key), shape=shape, dtype="float32")
for dtype in ("float16", "bfloat16"):
    add("uniform", r.uniform(shape=[37], dtype=getattr(mx, dtype), key=key), shape=[37], dtype=dtype)
low, high = mx.array([-2.0, 0.5]), mx.array([[3.0], [7.0], [1.0]])
add("uniform_between", r.uniform(low, high, [3, 2], key=key), [low, high], shape=[3, 2], dtype="float32")
low, high = low.astype(mx.float16), high.astype(mx.float16)
add("uniform_between", r.uniform(low, high, [3, 2], mx.float16, key=key), [low, high], shape=[3, 2], dtype="float16")
for dtype in ("float16", "bfloat16", "float32", "float64", "complex64"):
    add("normal", r.normal([41], getattr(mx, dtype), key=key), shape=[41], dtype=dtype)
    add("normal_around", r.normal([9], getattr(mx, dtype), 1.5, 0.25, key=key), shape=[9], dtype=dtype)
for dtype, low, high in [("int32", 0, 10), ("int32", -(2**31), 2**31 - 1), ("uint8", 0, 300), ("int64", 0, 2**40),
                         ("int8", -5, 6), ("uint32", 3, 3), ("bool_", 0, 2), ("int16", 4, 1), ("uint64", 1, 9)]:
    add("randint", r.randint(low, high, [29], getattr(mx, dtype), key=key), shape=[29],
        dtype=dtype.replace("_", ""), low=low, high=high)
for p in (0.0, 0.3, 1.0):
    add("bernoulli", r.bernoulli(p, [50], key=key), [mx.array(p)], shape=[50])
p = mx.array([0.1, 0.9, 0.5])
add("bernoulli", r.bernoulli(p, [4, 3], key=key), [p], shape=[4, 3])
for dtype in ("float32", "float16"):
    lower, upper = mx.array([-1.0, 0.0, 2.0]), mx.array(2.5)
    add("truncated_normal", r.truncated_normal(lower, upper, [5, 3], getattr(mx, dtype), key=key), [lower, upper],
        shape=[5, 3], dtype=dtype)
    add("gumbel", r.gumbel([33], getattr(mx, dtype), key=key), shape=[33], dtype=dtype)
    add("laplace", r.laplace([33], getattr(mx, dtype), 0.5, 2.0, key=key), shape=[33], dtype=dtype)
rng = np.random.default_rng(0)
logits = mx.array(rng.normal(size=(3, 4, 5)).astype(np.float32))
for axis in (-1, 0, 1):
    add("categorical", r.categorical(logits, axis, key=key), [logits], axis=axis)
    add("categorical_samples", r.categorical(logits, axis, num_samples=6, key=key), [logits], axis=axis, num=6)
add("categorical_shape", r.categorical(logits, 1, shape=[2, 3, 5], key=key), [logits], axis=1, shape=[2, 3, 5])
row = logits[0, :1]
add("categorical", r.categorical(row, key=key), [row], axis=-1)
add("categorical", r.categorical(row[0], key=key), [row[0]], axis=0)
add("categorical_samples", r.categorical(row, num_samples=40, key=key), [row], axis=-1, num=40)
add("categorical_samples", r.categorical(row[0], num_samples=40, key=key), [row[0]], axis=-1, num=40)
add("permutation_of", r.permutation(100, key=key), n=100)
add("permutation", r.permutation(logits, axis=1, key=key), [logits], axis=1)
cov = mx.array([[2.0, 0.5, 0.1], [0.5, 1.0, -0.3], [0.1, -0.3, 0.7]])
mean = mx.array([1.0, 2.0, -1.0])
for shape in ([], [4], [2, 3]):
    add("multivariate_normal", r.multivariate_normal(mean, cov, shape, key=key), [mean, cov], shape=shape)
r.seed(77)
cases.add("default_sequence", [], [r.uniform(shape=[3]), r.uniform(shape=[3]), r.normal([2])], seed="77")
cases.save()
