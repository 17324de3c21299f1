#include "mica/array/backend.h"

#include "mica/cpu/register.h"

namespace mica {

std::shared_ptr<const Backend> make_cpu_backend() {
  auto backend = std::make_shared<Backend>("cpu");
  cpu::register_elementwise(*backend);
  cpu::register_shape(*backend);
  cpu::register_index(*backend);
  cpu::register_reduce(*backend);
  cpu::register_softmax(*backend);
  cpu::register_sort(*backend);
  cpu::register_matmul(*backend);
  cpu::register_linear(*backend);
  cpu::register_fast(*backend);
  cpu::register_kv_cache(*backend);
  cpu::register_random(*backend);
  cpu::register_search(*backend);
  cpu::register_conv(*backend);
  cpu::register_size(*backend);
  cpu::register_block_matmul(*backend);
  cpu::register_hadamard(*backend);
  cpu::register_quantized(*backend);
  cpu::register_fft(*backend);
  cpu::register_gated_delta(*backend);
  cpu::register_linalg_factor(*backend);
  cpu::register_linalg_spectrum(*backend);
  cpu::register_graph(*backend);
  cpu::register_distributed(*backend);
  cpu::register_fused(*backend);
  cpu::register_program(*backend);
  return backend;
}

}  // namespace mica
