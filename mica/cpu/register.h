#pragma once

#include "mica/array/backend.h"

namespace mica::cpu {

// Each file of kernels puts its own into the backend.
void register_elementwise(Backend& backend);
void register_shape(Backend& backend);
void register_index(Backend& backend);
void register_reduce(Backend& backend);
void register_softmax(Backend& backend);
void register_sort(Backend& backend);
void register_matmul(Backend& backend);
void register_linear(Backend& backend);
void register_fast(Backend& backend);
void register_kv_cache(Backend& backend);
void register_random(Backend& backend);
void register_search(Backend& backend);
void register_conv(Backend& backend);
void register_size(Backend& backend);
void register_block_matmul(Backend& backend);
void register_hadamard(Backend& backend);
void register_quantized(Backend& backend);
void register_fft(Backend& backend);
void register_gated_delta(Backend& backend);
void register_linalg_factor(Backend& backend);
void register_linalg_spectrum(Backend& backend);
void register_graph(Backend& backend);
void register_distributed(Backend& backend);
void register_fused(Backend& backend);
void register_program(Backend& backend);

}  // namespace mica::cpu
