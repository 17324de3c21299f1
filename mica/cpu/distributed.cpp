// Communication works on memory of the host, row by row: the inputs are brought into C order and handed to the group.
#include "mica/cpu/copy.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/distributed/ops.h"

namespace mica::cpu {
namespace {

using namespace mica::distributed;  // NOLINT(google-build-using-namespace): the primitives

std::span<std::byte> bytes_of(array& a) {
  return {a.data<std::byte>(), a.nbytes()};
}

void all_reduce(const AllReduce& primitive, std::span<array> inputs, std::span<array> outputs) {
  allocate(outputs[0]);
  copy_elements(inputs[0], inputs[0].shape(), outputs[0].data<std::byte>(), outputs[0].strides());
  primitive.group->all_reduce(bytes_of(outputs[0]), outputs[0].dtype(), primitive.reduction);
}

void all_gather(const AllGather& primitive, std::span<array> inputs, std::span<array> outputs) {
  allocate(outputs[0]);
  array part = row_contiguous(inputs[0]);
  primitive.group->all_gather(bytes_of(part), bytes_of(outputs[0]));
}

void sum_scatter(const SumScatter& primitive, std::span<array> inputs, std::span<array> outputs) {
  allocate(outputs[0]);
  array in = row_contiguous(inputs[0]);
  primitive.group->sum_scatter(bytes_of(in), bytes_of(outputs[0]), in.dtype());
}

void send(const Send& primitive, std::span<array> inputs, std::span<array> outputs) {
  array data = row_contiguous(inputs[0]);
  primitive.group->send(bytes_of(data), primitive.dst);
  outputs[0].share_buffer(inputs[0]);
}

void recv(const Recv& primitive, std::span<array>, std::span<array> outputs) {
  allocate(outputs[0]);
  primitive.group->recv(bytes_of(outputs[0]), primitive.src);
}

}  // namespace

void register_distributed(Backend& backend) {
  backend.add<AllReduce, all_reduce>();
  backend.add<AllGather, all_gather>();
  backend.add<SumScatter, sum_scatter>();
  backend.add<Send, send>();
  backend.add<Recv, recv>();
}

}  // namespace mica::cpu
