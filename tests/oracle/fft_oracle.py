"""Writes tests/fixtures/ops/fft.json: Fourier transforms of MLX.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python fft_oracle.py
"""
import mlx.core as mx
import numpy as np

from cases import Cases

cases = Cases("fft")
rng = np.random.default_rng(0)
F = mx.fft


def real(*shape):
    return mx.array(rng.normal(size=shape).astype(np.float32))


def complex_(*shape):
    return mx.array((rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64))


def add(op, x, **args):
    given = {k: v for k, v in args.items() if v is not None}
    call = dict(given)
    if "n" in call:
        call["s"] = call.pop("n")
    if op in ("fft", "ifft", "rfft", "irfft"):
        call = {{"s": "n", "axes": "axis"}.get(k, k): v[0] if isinstance(v, list) else v for k, v in call.items()}
    cases.add(op, [x], getattr(F, op)(x, **call), **given)


for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 30, 34):
    add("fft", complex_(2, n))
    add("ifft", complex_(n))
    add("rfft", real(n))
    if n > 1:
        add("irfft", complex_(n // 2 + 1), n=[n], axes=[-1])
x = complex_(2, 3, 4)
for norm in ("backward", "ortho", "forward"):
    for op in ("fft", "ifft", "irfft"):
        add(op, x, norm=norm)
    for op in ("fftn", "ifftn", "irfftn"):
        add(op, x, norm=norm, axes=[0, -1])
    add("rfftn", real(2, 3, 4), norm=norm)
add("fft2", x)
add("ifft2", x, n=[3, 7], axes=[1, 0])
add("rfft2", real(2, 4, 6), n=[5, 4], axes=[-2, -1])
add("irfft2", x, n=[4, 6], axes=[-2, -1])
add("fft", real(3, 4), n=[6], axes=[0])
add("fft", real(3, 4), n=[2], axes=[-1])
add("rfft", mx.array([1, 2, 3, 4], mx.int32))
for n in (1, 4, 5):
    cases.add("fftfreq", [], F.fftfreq(n, 0.5), n=n)
    cases.add("rfftfreq", [], F.rfftfreq(n, 0.5), n=n)
for op in ("fftshift", "ifftshift"):
    add(op, real(5))
    add(op, real(3, 4), axes=[0])
    add(op, real(3, 4))
for op, x, out in [("fft", complex_(6), 6), ("rfft", real(7), 4), ("rfft", real(8), 5), ("irfft", complex_(5), 8)]:
    g = complex_(out) if op != "irfft" else real(out)
    cases.add(op + "_vjp", [x, g], list(mx.vjp(getattr(F, op), [x], [g])[1]))
signal = real(1, 24)
window = mx.hanning(12)
for args in [dict(n_fft=8), dict(n_fft=9, hop_length=4), dict(n_fft=12, center=False), dict(n_fft=16, window=12),
             dict(n_fft=12, window=12, pad_mode="constant", norm="ortho"), dict(n_fft=8, onesided=False),
             dict(n_fft=10, win_length=6, pad_mode="edge")]:
    call = {**args, **({"window": window} if "window" in args else {})}
    cases.add("stft", [signal, window], F.stft(signal, **call), **args)
    spectrum = F.stft(signal, **call)
    del call["n_fft"]
    call.pop("pad_mode", None)
    back = {k: v for k, v in args.items() if k != "pad_mode"}
    cases.add("istft", [spectrum, window], F.istft(spectrum, n_fft=args["n_fft"], **call), **back)
    cases.add("istft", [spectrum, window], F.istft(spectrum, length=30, **call), length=30,
              **{k: v for k, v in back.items() if k != "n_fft"})
spectrum = F.stft(signal, n_fft=8)
cases.add("istft", [spectrum, window], F.istft(spectrum, hop_length=11), hop_length=11)
cases.save()
