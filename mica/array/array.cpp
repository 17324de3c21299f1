#include "mica/array/array.h"

#include <algorithm>
#include <stdexcept>

#include "mica/array/evaluate.h"
#include "mica/array/primitive.h"
#include "mica/array/tracing.h"
#include "mica/base/checked.h"
#include "mica/base/error.h"

namespace mica {

size_t element_count(const Shape& shape) {
  size_t count = 1;
  bool empty = false;
  for (const ShapeElem length : shape) {
    if (length < 0) fail_as<std::invalid_argument>("[array] an axis cannot have the length {}", length);
    // As NumPy: the other axes of an empty array are bounded, too, so that products of lengths never overflow.
    empty = empty || length == 0;
    if (length == 0) continue;
    const auto product = checked_mul(count, static_cast<size_t>(length));
    if (!product || *product > (size_t{1} << 60)) fail_as<std::overflow_error>("[array] too many elements");
    count = *product;
  }
  return empty ? 0 : count;
}

array::Desc::Desc(Shape desc_shape, Dtype desc_dtype)
    : shape(std::move(desc_shape)),
      strides(row_contiguous_strides(shape)),
      size(element_count(shape)),
      dtype(desc_dtype) {}

array::Node::Node(std::shared_ptr<Primitive> node_primitive, std::vector<array> node_inputs)
    : primitive(std::move(node_primitive)), inputs(std::move(node_inputs)) {}

array::Node::~Node() {
  // A long chain of nodes must not be freed by recursion: take over the inputs of inputs that die with this node.
  std::vector<array> dying = std::move(inputs);
  while (!dying.empty()) {
    const array last = std::move(dying.back());
    dying.pop_back();
    if (!is_sole_owner(last.desc_)) continue;
    const std::shared_ptr<Node> node = std::move(last.desc_->node);
    if (!node || !is_sole_owner(node)) continue;
    for (array& input : node->inputs) dying.push_back(std::move(input));
    node->inputs.clear();
  }
}

array::array(Shape shape, Dtype dtype) : desc_(std::make_shared<Desc>(std::move(shape), dtype)) {}

array::array(Shape shape, Dtype dtype, std::shared_ptr<Node> node) : array(std::move(shape), dtype) {
  desc_->node = std::move(node);
  const uint64_t trace = Tracing::current();
  if (trace == 0 || !desc_->node) return;
  for (const array& input : desc_->node->inputs) {
    if (input.desc_->trace == trace) desc_->trace = trace;
  }
}

array::array(Shape shape, Dtype dtype, std::shared_ptr<Primitive> primitive, std::vector<array> inputs)
    : array(std::move(shape), dtype,
            primitive ? std::make_shared<Node>(std::move(primitive), std::move(inputs)) : nullptr) {}

array::array(allocator::Buffer buffer, Shape shape, Dtype dtype, Deleter deleter) : array(std::move(shape), dtype) {
  set_data(buffer, std::move(deleter));
  set_status(Status::available);
}

array::array(void* data, Shape shape, Dtype dtype, const std::function<void(void*)>& deleter)
    : array(allocator::Buffer(data), std::move(shape), dtype,
            [deleter](allocator::Buffer buffer) { deleter(buffer.raw_ptr()); }) {}

array array::mapped(std::shared_ptr<const MappedFile> file, const std::byte* data, Shape shape, Dtype dtype) {
  // The memory is read-only; Data::is_owned() keeps every operation from writing to it.
  array out(allocator::Buffer(const_cast<std::byte*>(data)), std::move(shape), dtype, Deleter());
  out.desc_->data->file = std::move(file);
  return out;
}

std::vector<array> array::make_arrays(std::vector<Shape> shapes, const std::vector<Dtype>& dtypes,
                                      std::shared_ptr<Primitive> primitive, std::vector<array> inputs) {
  const auto node = std::make_shared<Node>(std::move(primitive), std::move(inputs));
  std::vector<array> out;
  out.reserve(shapes.size());
  node->outputs.reserve(shapes.size());
  for (size_t i = 0; i < shapes.size(); ++i) {
    out.push_back(array(std::move(shapes[i]), dtypes[i], node));
    node->outputs.push_back(out.back().desc_);
  }
  return out;
}

const std::vector<array>& array::inputs() const {
  static const std::vector<array> none;
  return desc_->node ? desc_->node->inputs : none;
}

std::vector<array> array::outputs() const {
  if (!desc_->node || desc_->node->outputs.empty()) return {*this};
  std::vector<array> out;
  std::vector<OutputSpec> specs;
  out.reserve(desc_->node->outputs.size());
  for (const std::weak_ptr<Desc>& output : desc_->node->outputs) {
    if (auto live = output.lock()) {
      array sibling = *this;
      sibling.desc_ = std::move(live);
      out.push_back(std::move(sibling));
      continue;
    }
    if (specs.empty()) specs = primitive().infer(inputs());
    out.push_back(array(specs[out.size()].shape, specs[out.size()].dtype));
  }
  return out;
}

bool array::is_tracer() const {
  return TracingOfAll::includes(desc_->trace);
}

void array::set_tracer(bool is_tracer) {
  desc_->trace = is_tracer ? Tracing::current() : 0;
}

void array::detach() {
  take_inputs();
}

std::vector<array> array::take_inputs() {
  const std::shared_ptr<Node> node = std::move(desc_->node);
  if (!node) return {};
  for (const std::weak_ptr<Desc>& output : node->outputs) {
    if (const auto live = output.lock()) live->node = nullptr;
  }
  return std::exchange(node->inputs, {});
}

void array::eval() {
  mica::eval(*this);
}

void array::wait() const {
  if (is_available() || !desc_->event) return;
  desc_->event->wait();
}

void array::set_data(allocator::Buffer buffer, Deleter deleter) {
  desc_->data = std::make_shared<Data>(buffer, std::move(deleter));
  desc_->offset = 0;
  desc_->strides = row_contiguous_strides(desc_->shape);
  std::tie(desc_->flags, desc_->data_size) = layout_of(desc_->shape, desc_->strides);
}

void array::share_buffer(const array& other, Strides strides, Flags flags, size_t data_size, int64_t offset) {
  desc_->data = other.desc_->data;
  desc_->strides = std::move(strides);
  desc_->flags = flags;
  desc_->data_size = data_size;
  desc_->offset = other.desc_->offset + offset * static_cast<int64_t>(other.itemsize());
}

array make_array(std::shared_ptr<Primitive> primitive, std::vector<array> inputs) {
  auto specs = primitive->infer(inputs);
  return array(std::move(specs[0].shape), specs[0].dtype, std::move(primitive), std::move(inputs));
}

std::vector<array> make_arrays(std::shared_ptr<Primitive> primitive, std::vector<array> inputs) {
  std::vector<Shape> shapes;
  std::vector<Dtype> dtypes;
  for (OutputSpec& spec : primitive->infer(inputs)) {
    shapes.push_back(std::move(spec.shape));
    dtypes.push_back(spec.dtype);
  }
  return array::make_arrays(std::move(shapes), dtypes, std::move(primitive), std::move(inputs));
}

std::string to_string(const Shape& shape) {
  std::string out = "(";
  for (const ShapeElem length : shape) out += fmt::format("{}{}", out.size() > 1 ? "," : "", length);
  return out + ")";
}

namespace {

/// a · b, which wraps around for shapes that element_count refuses: strides may be made before it has seen them.
int64_t stride_product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

}  // namespace

Strides row_contiguous_strides(const Shape& shape) {
  Strides strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = stride_product(strides[i], shape[i]);
  return strides;
}

std::pair<array::Flags, size_t> layout_of(const Shape& shape, const Strides& strides) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return {array::Flags{true, true, true}, 0};
  bool row = true;
  bool col = true;
  int64_t next_row = 1;
  int64_t next_col = 1;
  int64_t last = 0;      // offset of the last element from the first
  int64_t distinct = 1;  // elements that lie at different places
  for (size_t i = shape.size(); i-- > 0;) {
    row = row && (shape[i] == 1 || strides[i] == next_row);
    next_row *= shape[i];
  }
  bool backwards = false;
  for (size_t i = 0; i < shape.size(); ++i) {
    col = col && (shape[i] == 1 || strides[i] == next_col);
    next_col *= shape[i];
    backwards = backwards || (shape[i] > 1 && strides[i] < 0);
    last += (shape[i] - 1) * strides[i];
    if (strides[i] != 0) distinct *= shape[i];
  }
  const int64_t span = backwards ? distinct : last + 1;
  return {array::Flags{!backwards && span == distinct, row, col}, static_cast<size_t>(span)};
}

void check_element_count(size_t given, size_t wanted) {
  if (given != wanted) {
    fail_as<std::invalid_argument>("[array::array] {} values for a shape of {} elements", given, wanted);
  }
}

void check_single_element(const array& a) {
  if (a.size() != 1) {
    fail_as<std::invalid_argument>("[array::item] needs an array of one element, this one has {}", a.size());
  }
}

}  // namespace mica
