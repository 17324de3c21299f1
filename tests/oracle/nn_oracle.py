"""Writes tests/fixtures/nn.json: what MLX's layers, activations, losses and initializers give.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python nn_oracle.py

Inputs and parameters follow from a formula (filled), so that only results are stored, and of those a digest: some of
the values and a weighted mean of all. For layers also that of the gradients of mean(result * pattern).
"""
import json
import os

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

mx.set_default_device(mx.cpu)


def filled(shape, salt, scale=1.0):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return mx.array(((((i * 7919 + salt * 104729) % 2003) / 1001.5 - 1.0) * scale).astype(np.float32).reshape(shape))


def integers(shape, salt, below):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return mx.array(((i * 7919 + salt * 104729) % below).astype(np.int32).reshape(shape))


def pattern(shape):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return mx.array((((i * 31) % 17) / 8.0 - 1.0).astype(np.float32).reshape(shape))


def digest(a):
    flat = np.array(a.astype(mx.float32)).astype(np.float64).ravel()
    picks = sorted({k * flat.size // 8 for k in range(8)}) if flat.size else []
    weights = ((np.arange(flat.size) * 31) % 17) / 8.0 - 1.0
    return dict(shape=list(a.shape), values=[float(f"{flat[i]:.8g}") for i in picks],
                mean=float(f"{(flat * weights).mean():.8g}"), scale=float(f"{np.abs(flat).mean():.8g}"))


def salt_of(path):
    return sum(ord(c) for c in path)


def make(spec):
    return integers(spec["shape"], spec["salt"], spec["below"]) if "below" in spec else filled(
        spec["shape"], spec["salt"], spec.get("scale", 1.0))


def x(*shape, salt=1, scale=1.0):
    return dict(shape=list(shape), salt=salt, scale=scale)


def ids(*shape, salt=1, below):
    return dict(shape=list(shape), salt=salt, below=below)


cases = []


def layer(name, model, *inputs, call=None, fill=True, gradients=True, training=True):
    call = call or model
    if fill:
        model.update(tree_unflatten([(k, filled(v.shape, salt_of(k), 0.5) if not k.endswith("running_var")
                                      else mx.abs(filled(v.shape, salt_of(k), 0.5)) + 0.5)
                                     for k, v in tree_flatten(model.parameters())]))
    model.train(training)
    before = dict(tree_flatten(model.parameters()))
    arrays = [make(s) for s in inputs]
    case = dict(name=name, inputs=list(inputs), training=training, result=digest(call(*arrays)))
    after = {k: digest(v) for k, v in tree_flatten(model.parameters()) if not mx.array_equal(v, before[k])}
    if after:
        case["changed"] = after
        model.update(tree_unflatten(list(before.items())))
    if gradients:
        floats = [i for i, s in enumerate(inputs) if "below" not in s]

        def loss(parameters, values):
            model.update(parameters)
            given = list(arrays)
            for i, v in zip(floats, values):
                given[i] = v
            y = call(*given)
            return (y * pattern(y.shape)).mean()
        found = mx.grad(loss, argnums=(0, 1))(model.trainable_parameters(), [arrays[i] for i in floats])
        case["gradients"] = {k: digest(v) for k, v in tree_flatten(found[0])}
        case["input_gradients"] = [digest(g) for g in found[1]]
    cases.append(case)


# Layers.
layer("Linear", nn.Linear(5, 7), x(2, 3, 5))
layer("Linear no bias", nn.Linear(5, 7, bias=False), x(3, 5))
layer("Bilinear", nn.Bilinear(3, 4, 5), x(2, 6, 3), x(2, 6, 4, salt=2))
layer("Embedding", nn.Embedding(11, 6), ids(3, 4, below=11))
embedding = nn.Embedding(11, 6)
layer("Embedding as_linear", embedding, x(3, 6), call=embedding.as_linear)
layer("Conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=1), x(2, 9, 4))
layer("Conv1d groups", nn.Conv1d(4, 6, 3, groups=2, dilation=2, bias=False), x(2, 9, 4))
layer("Conv2d", nn.Conv2d(3, 5, (3, 2), stride=(2, 1), padding=(1, 0)), x(2, 7, 6, 3))
layer("Conv2d dilation", nn.Conv2d(3, 5, 3, dilation=2, padding=2), x(1, 6, 6, 3))
layer("Conv3d", nn.Conv3d(2, 3, 2, stride=2, padding=1), x(1, 4, 5, 4, 2))
layer("ConvTranspose1d", nn.ConvTranspose1d(4, 3, 3, stride=2, padding=1, output_padding=1), x(2, 5, 4))
layer("ConvTranspose2d", nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1), x(1, 4, 5, 3))
layer("ConvTranspose3d", nn.ConvTranspose3d(2, 2, 2, stride=2), x(1, 2, 3, 2, 2))
layer("LayerNorm", nn.LayerNorm(6), x(3, 4, 6))
layer("LayerNorm plain", nn.LayerNorm(6, affine=False), x(3, 4, 6))
layer("RMSNorm", nn.RMSNorm(6), x(3, 4, 6))
layer("InstanceNorm", nn.InstanceNorm(3, affine=True), x(2, 4, 5, 3))
layer("GroupNorm", nn.GroupNorm(2, 6), x(2, 4, 5, 6))
layer("GroupNorm pytorch", nn.GroupNorm(2, 6, pytorch_compatible=True), x(2, 4, 5, 6))
layer("BatchNorm", nn.BatchNorm(4), x(3, 5, 4))
layer("BatchNorm eval", nn.BatchNorm(4), x(3, 5, 4), training=False)
layer("BatchNorm plain", nn.BatchNorm(4, affine=False, track_running_stats=False), x(6, 4))
layer("MaxPool1d", nn.MaxPool1d(2), x(2, 6, 3))
layer("MaxPool2d", nn.MaxPool2d(3, stride=2, padding=1), x(2, 6, 7, 3))
layer("MaxPool3d", nn.MaxPool3d(2, stride=1), x(1, 3, 4, 3, 2))
layer("AvgPool1d", nn.AvgPool1d(3, stride=2, padding=1), x(2, 7, 3))
layer("AvgPool2d", nn.AvgPool2d((2, 3)), x(2, 6, 6, 2))
layer("AvgPool3d", nn.AvgPool3d(2, stride=1), x(1, 3, 3, 3, 2))
layer("RoPE", nn.RoPE(6), x(2, 3, 4, 8))
layer("RoPE traditional", nn.RoPE(8, traditional=True, base=1000, scale=0.5), x(2, 3, 4, 8))
rope = nn.RoPE(8)
layer("RoPE offset", rope, x(2, 3, 4, 8), call=lambda a: rope(a, offset=5))
layer("SinusoidalPositionalEncoding", nn.SinusoidalPositionalEncoding(8), x(2, 5, scale=20.0))
layer("SinusoidalPositionalEncoding turns", nn.SinusoidalPositionalEncoding(
    6, min_freq=0.01, max_freq=2, scale=1.0, cos_first=True, full_turns=True), x(5, scale=3.0))
layer("ALiBi", nn.ALiBi(), x(2, 6, 4, 7))
alibi = nn.ALiBi()
layer("ALiBi offset", alibi, x(1, 4, 2, 5), call=lambda a: alibi(a, offset=3))
layer("RNN", nn.RNN(3, 4), x(2, 5, 3))
layer("RNN hidden", nn.RNN(3, 4, bias=False, nonlinearity=nn.relu), x(2, 5, 3), x(2, 4, salt=3))
layer("GRU", nn.GRU(3, 4), x(2, 5, 3))
layer("GRU hidden", nn.GRU(3, 4, bias=False), x(5, 3), x(4, salt=3))
lstm = nn.LSTM(3, 4)
layer("LSTM", lstm, x(2, 5, 3), call=lambda a: mx.concatenate(lstm(a), axis=-1))
lstm2 = nn.LSTM(3, 4, bias=False)
layer("LSTM hidden", lstm2, x(2, 5, 3), x(2, 4, salt=3), x(2, 4, salt=4),
      call=lambda a, h, c: mx.concatenate(lstm2(a, h, c), axis=-1))
attention = nn.MultiHeadAttention(8, 2, bias=True)
layer("MultiHeadAttention", attention, x(2, 5, 8), call=lambda a: attention(a, a, a))
attention2 = nn.MultiHeadAttention(8, 4, query_input_dims=6, key_input_dims=5, value_dims=12, value_output_dims=7)
mask = nn.MultiHeadAttention.create_additive_causal_mask(4)
layer("MultiHeadAttention masked", attention2, x(2, 4, 6), x(2, 4, 5, salt=2),
      call=lambda q, k: attention2(q, k, k, mask))
encoder = nn.TransformerEncoder(2, 8, 2, mlp_dims=12)
layer("TransformerEncoder", encoder, x(2, 4, 8), call=lambda a: encoder(a, mask))
encoder2 = nn.TransformerEncoder(1, 8, 2, norm_first=False, activation=nn.gelu)
layer("TransformerEncoder norm last", encoder2, x(2, 4, 8), call=lambda a: encoder2(a, None))
encoder3 = nn.TransformerEncoder(2, 8, 2, checkpoint=True)
layer("TransformerEncoder checkpoint", encoder3, x(2, 4, 8), call=lambda a: encoder3(a, mask))
transformer = nn.Transformer(8, 2, 1, 2, mlp_dims=8)
layer("Transformer", transformer, x(1, 4, 8), x(1, 4, 8, salt=2), call=lambda a, b: transformer(a, b, None, mask, None))
transformer2 = nn.Transformer(8, 2, 1, 1, mlp_dims=8, norm_first=False)
layer("Transformer norm last", transformer2, x(1, 3, 8), x(1, 4, 8, salt=2),
      call=lambda a, b: transformer2(a, b, None, mask, None))
layer("Upsample nearest", nn.Upsample(2), x(1, 3, 4, 2))
layer("Upsample nearest fraction", nn.Upsample((1.5, 0.5), mode="nearest"), x(1, 4, 6, 2))
layer("Upsample linear", nn.Upsample(2.5, mode="linear"), x(1, 4, 3, 2))
layer("Upsample linear corners", nn.Upsample((2, 3), mode="linear", align_corners=True), x(1, 4, 3, 2))
layer("Upsample linear antialias", nn.Upsample(0.4, mode="linear", antialias=True), x(1, 10, 2))
layer("Upsample cubic", nn.Upsample(2, mode="cubic"), x(1, 5, 4, 2))
layer("Upsample cubic corners", nn.Upsample(1.5, mode="cubic", align_corners=True), x(1, 6, 2))
layer("Upsample cubic antialias", nn.Upsample(0.5, mode="cubic", antialias=True), x(1, 8, 2))
layer("Sequential", nn.Sequential(nn.Linear(4, 6), nn.relu, nn.Linear(6, 2), nn.Tanh()), x(3, 4))

# Quantized layers: the quantized form of a filled one.
for options in [dict(), dict(group_size=32, bits=8), dict(mode="mxfp4"), dict(mode="mxfp8"), dict(mode="nvfp4")]:
    linear, table = nn.Linear(64, 6), nn.Embedding(7, 64)
    for m in (linear, table):
        m.update(tree_unflatten([(k, filled(v.shape, salt_of(k), 0.5)) for k, v in tree_flatten(m.parameters())]))
    text = json.dumps(options)
    layer("QuantizedLinear " + text, linear.to_quantized(**options), x(2, 64), fill=False, gradients=False)
    quantized = table.to_quantized(**options)
    layer("QuantizedEmbedding " + text, quantized, ids(3, below=7), fill=False, gradients=False)
    layer("QuantizedEmbedding as_linear " + text, quantized, x(2, 64), call=quantized.as_linear, fill=False,
          gradients=False)

# QQLinear has no CPU kernel in MLX: both operands quantized and dequantized, then the product.
for mode in ["nvfp4", "mxfp8"]:
    dense = nn.Linear(64, 6, bias=False)

    def rounded(a):
        codes, scales = mx.quantize(a, mode=mode)
        return mx.dequantize(codes, scales, mode=mode).astype(mx.float32)
    for training in [True, False]:
        layer(f"QQLinear {mode} {training}", dense, x(3, 64), call=lambda a: rounded(a) @ rounded(dense.weight).T,
              training=training, gradients=False)

# Activations.
for function in ["relu", "relu2", "relu6", "leaky_relu", "elu", "selu", "celu", "sigmoid", "log_sigmoid", "tanh",
                 "softplus", "softsign", "softshrink", "hard_shrink", "hardswish", "hard_tanh", "silu", "mish", "gelu",
                 "gelu_approx", "gelu_fast_approx", "glu", "softmax", "softmin", "log_softmax"]:
    layer(function, nn.Identity(), x(3, 8, scale=4.0), call=getattr(nn, function))
layer("step", nn.Identity(), x(3, 8, scale=4.0), call=lambda a: nn.step(a, 0.5), gradients=False)
layer("PReLU", nn.PReLU(8), x(3, 8, scale=4.0))
for name, module in [("LeakyReLU", nn.LeakyReLU(0.2)), ("ELU", nn.ELU(0.7)), ("CELU", nn.CELU(1.3)),
                     ("Softshrink", nn.Softshrink(0.3)), ("HardShrink", nn.HardShrink(0.8)), ("GLU", nn.GLU(0)),
                     ("GELU tanh", nn.GELU("tanh")), ("GELU fast", nn.GELU("fast"))]:
    layer(name, module, x(4, 6, scale=4.0))

# Losses: values for each reduction, gradient of the mean.
L = nn.losses
identity = nn.Identity()


def loss(name, fn, *inputs):
    for reduction in ["none", "mean", "sum"]:
        layer(f"{name} {reduction}", identity, *inputs, call=lambda *a: fn(*a, reduction=reduction),
              gradients=reduction == "none")


loss("cross_entropy", L.cross_entropy, x(5, 7, scale=3.0), ids(5, below=7))
loss("cross_entropy axis", lambda a, t, reduction: L.cross_entropy(a, t, axis=1, label_smoothing=0.1,
     reduction=reduction), x(3, 4, 2, scale=3.0), ids(3, 2, below=4))
loss("cross_entropy weights", lambda a, t, w, reduction: L.cross_entropy(a, mx.softmax(t), w, reduction=reduction),
     x(5, 7), x(5, 7, salt=2), x(5, salt=3))
loss("binary_cross_entropy", lambda a, t, reduction: L.binary_cross_entropy(a, mx.sigmoid(t), reduction=reduction),
     x(4, 5, scale=3.0), x(4, 5, salt=2))
loss("binary_cross_entropy probabilities", lambda a, t, w, reduction: L.binary_cross_entropy(
    mx.sigmoid(a), mx.sigmoid(t), w, with_logits=False, reduction=reduction), x(6, scale=3.0), x(6, salt=2),
    x(6, salt=3))
for name in ["l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss", "log_cosh_loss", "hinge_loss", "kl_div_loss",
             "cosine_similarity_loss"]:
    loss(name, getattr(L, name), x(4, 5, scale=2.0), x(4, 5, salt=2, scale=2.0))
loss("nll_loss", L.nll_loss, x(4, 5), ids(4, below=5))
loss("gaussian_nll_loss", lambda a, t, v, reduction: L.gaussian_nll_loss(a, t, mx.exp(v), full=True,
     reduction=reduction), x(4, 5), x(4, 5, salt=2), x(4, 5, salt=3))
loss("triplet_loss", L.triplet_loss, x(4, 5), x(4, 5, salt=2), x(4, 5, salt=3))
loss("margin_ranking_loss", lambda a, b, t, reduction: L.margin_ranking_loss(a, b, t, margin=0.3, reduction=reduction),
     x(6), x(6, salt=2), x(6, salt=3))

# What seeds make: first weights, initializers, dropout.
random = {}


def seeded(name, fn):
    mx.random.seed(7)
    random[name] = digest(fn())


for name, model in [("Linear", lambda: nn.Linear(5, 7)), ("Embedding", lambda: nn.Embedding(11, 6)),
                    ("Conv2d", lambda: nn.Conv2d(3, 5, 3)), ("LSTM", lambda: nn.LSTM(3, 4)),
                    ("GRU", lambda: nn.GRU(3, 4)), ("Transformer", lambda: nn.Transformer(8, 2, 1, 1))]:
    seeded(name, lambda: mx.concatenate([v.reshape(-1) for k, v in sorted(tree_flatten(model().parameters()))]))
blank = mx.zeros((12, 20))
kernel = mx.zeros((6, 3, 3, 4))
seeded("constant", lambda: nn.init.constant(2.5)(blank))
seeded("identity", lambda: nn.init.identity()(mx.zeros((6, 6))))
seeded("normal", lambda: nn.init.normal(0.5, 2.0)(blank))
seeded("uniform", lambda: nn.init.uniform(-1.0, 2.0)(blank))
seeded("sparse", lambda: nn.init.sparse(0.3, 0.5, 2.0)(blank))
seeded("glorot_normal", lambda: nn.init.glorot_normal()(kernel, 1.5))
seeded("glorot_uniform", lambda: nn.init.glorot_uniform()(blank))
seeded("he_normal", lambda: nn.init.he_normal()(kernel, mode="fan_out"))
seeded("he_uniform", lambda: nn.init.he_uniform()(blank, gain=2.0))
seeded("orthogonal", lambda: nn.init.orthogonal(1.5)(mx.zeros((4, 7))))
seeded("Dropout", lambda: nn.Dropout(0.3)(filled((4, 6), 1)))
seeded("Dropout2d", lambda: nn.Dropout2d(0.5)(filled((3, 2, 2, 6), 1)))
seeded("Dropout3d", lambda: nn.Dropout3d(0.5)(filled((3, 2, 2, 2, 6), 1)))

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")
with open(os.path.join(folder, "nn.json"), "w") as f:
    f.write('{"cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + '\n],\n"random": ' + json.dumps(random) + "}\n")
print(len(cases), "cases", os.path.getsize(os.path.join(folder, "nn.json")) // 1024, "KiB")
