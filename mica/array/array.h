#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mica/array/allocator.h"
#include "mica/array/dtype.h"
#include "mica/array/event.h"
#include "mica/base/file.h"
#include "mica/base/small_vector.h"
#include "mica/base/sole_owner.h"

namespace mica {

class Primitive;

/// Lengths of axes are 64 bits wide (MLX: 32).
using ShapeElem = int64_t;
using Shape = SmallVector<ShapeElem>;
/// Distances between neighbours along an axis, in elements.
using Strides = SmallVector<int64_t>;
using Deleter = std::function<void(allocator::Buffer)>;

/// A multi-dimensional array: a handle to a node of a lazy graph. Copies are cheap and share the node. An operation
/// makes a new node; nothing is computed until eval(), item(), data() after eval, or printing asks for it.
class array {
 public:
  /// A scalar.
  template <typename T>
    requires std::is_arithmetic_v<T> || std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>
  explicit array(T value, Dtype dtype = TypeToDtype<T>()) : array(&value, Shape{}, dtype) {}
  explicit array(const complex64_t& value, Dtype dtype = complex64) : array(&value, Shape{}, dtype) {}

  /// From an iterator over as many values as the shape holds; values are converted to `dtype`.
  template <std::input_iterator It>
  explicit array(It data, Shape shape, Dtype dtype = TypeToDtype<typename std::iterator_traits<It>::value_type>());

  template <typename T>
  explicit array(std::initializer_list<T> data, Dtype dtype = TypeToDtype<T>())
      : array(data.begin(), Shape{static_cast<ShapeElem>(data.size())}, dtype) {}
  explicit array(std::initializer_list<float> data)
      : array(data.begin(), Shape{static_cast<ShapeElem>(data.size())}, float32) {}
  explicit array(std::initializer_list<int> data, Dtype dtype)
      : array(data.begin(), Shape{static_cast<ShapeElem>(data.size())}, dtype) {}
  template <typename T>
  explicit array(std::initializer_list<T> data, Shape shape, Dtype dtype = TypeToDtype<T>());

  /// A view of foreign memory, without a copy; `deleter` is called when no array needs it any more.
  explicit array(void* data, Shape shape, Dtype dtype, const std::function<void(void*)>& deleter);

  /// Takes over a buffer of the allocator.
  explicit array(allocator::Buffer buffer, Shape shape, Dtype dtype, Deleter deleter = allocator::free);

  /// A view of a mapped file's bytes: nothing is read until it is used.
  static array mapped(std::shared_ptr<const MappedFile> file, const std::byte* data, Shape shape, Dtype dtype);

  array& operator=(const array&) && = delete;
  array& operator=(array&&) && = delete;
  array(const array&) = default;
  array(array&&) = default;
  array& operator=(const array&) & = default;
  array& operator=(array&&) & = default;
  ~array() = default;

  size_t itemsize() const { return size_of(dtype()); }
  size_t size() const { return desc_->size; }
  size_t nbytes() const { return size() * itemsize(); }
  size_t ndim() const { return desc_->shape.size(); }
  const Shape& shape() const { return desc_->shape; }
  /// Length of one axis; negative counts from the end. Throws std::out_of_range.
  ShapeElem shape(int axis) const { return desc_->shape.at(wrapped(axis)); }
  const Strides& strides() const { return desc_->strides; }
  int64_t strides(int axis) const { return desc_->strides.at(wrapped(axis)); }
  Dtype dtype() const { return desc_->dtype; }

  /// Computes the array and waits for it.
  void eval();

  /// The value of an array of one element, computed if need be; throws std::invalid_argument for more.
  template <typename T>
  T item() const;

  /// Iterates over the first axis.
  struct ArrayIterator;
  ArrayIterator begin() const;
  ArrayIterator end() const;

  // What follows is for backends, transforms and tests.

  /// What the strides tell about the memory.
  struct Flags {
    /// Every element of the buffer part that the array spans belongs to it.
    bool contiguous : 1;
    /// Elements lie in C order without gaps.
    bool row_contiguous : 1;
    /// Elements lie in Fortran order without gaps.
    bool col_contiguous : 1;
  };

  enum class Status { unscheduled, scheduled, available };

  /// Something that a backend derived from constant data, kept as long as the data: the packed form of a weight.
  struct Derived {
    std::mutex mutex;
    std::shared_ptr<void> value;
  };

  /// A block of memory and what to do with it at the end.
  struct Data {
    allocator::Buffer buffer;
    Deleter deleter;
    std::shared_ptr<const MappedFile> file;
    Derived derived;
    Data(allocator::Buffer data_buffer, Deleter data_deleter) : buffer(data_buffer), deleter(std::move(data_deleter)) {}
    Data(const Data&) = delete;
    Data& operator=(const Data&) = delete;
    ~Data() {
      if (deleter) deleter(buffer);
    }
    /// Memory that an operation may write its result into.
    bool is_owned() const { return !file; }
  };

  /// A node made by a primitive. Ops use make_array (primitive.h), which infers shape and dtype.
  array(Shape shape, Dtype dtype, std::shared_ptr<Primitive> primitive, std::vector<array> inputs);
  static std::vector<array> make_arrays(std::vector<Shape> shapes, const std::vector<Dtype>& dtypes,
                                        std::shared_ptr<Primitive> primitive, std::vector<array> inputs);

  std::uintptr_t id() const { return reinterpret_cast<std::uintptr_t>(desc_.get()); }
  bool has_primitive() const { return desc_->node != nullptr; }
  const Primitive& primitive() const { return *desc_->node->primitive; }
  /// Null for a leaf.
  std::shared_ptr<Primitive> primitive_ptr() const { return desc_->node ? desc_->node->primitive : nullptr; }
  /// None for a leaf.
  const std::vector<array>& inputs() const;
  /// All outputs of this array's primitive in order. Outputs that nobody holds any more are made anew.
  std::vector<array> outputs() const;
  /// Whether this handle is the only user of its memory, which an operation may then overwrite.
  bool is_donatable() const { return is_sole_owner(desc_) && is_sole_owner(desc_->data) && desc_->data->is_owned(); }
  /// Whether the array depends on the arguments of a function that this thread is tracing (tracing.h). Computing such
  /// an array keeps its primitive and inputs.
  bool is_tracer() const;
  /// Makes the array an argument of the function that this thread is tracing, or takes that back.
  void set_tracer(bool is_tracer);

  /// Forgets primitive and inputs: the array becomes a leaf.
  void detach();
  /// detach() that hands the inputs over (of all sibling outputs).
  std::vector<array> take_inputs();

  const Flags& flags() const { return desc_->flags; }
  /// Elements of the buffer that the array spans.
  size_t data_size() const { return desc_->data_size; }
  const std::shared_ptr<Data>& data_shared_ptr() const { return desc_->data; }
  /// Offset of the first element from the buffer's start, in bytes.
  int64_t offset() const { return desc_->offset; }
  /// The first element; the array must be available.
  template <typename T>
  T* data() {
    return reinterpret_cast<T*>(static_cast<std::byte*>(desc_->data->buffer.raw_ptr()) + desc_->offset);
  }
  template <typename T>
  const T* data() const {
    return reinterpret_cast<const T*>(static_cast<const std::byte*>(desc_->data->buffer.raw_ptr()) + desc_->offset);
  }

  Status status() const { return desc_->status.load(std::memory_order_acquire); }
  void set_status(Status status) const { desc_->status.store(status, std::memory_order_release); }
  bool is_available() const { return status() == Status::available; }
  const std::shared_ptr<Event>& event() const { return desc_->event; }
  void attach_event(std::shared_ptr<Event> event) const { desc_->event = std::move(event); }
  /// Waits for scheduled work that makes this array.
  void wait() const;

  /// Gives the array its memory: a fresh row-contiguous buffer.
  void set_data(allocator::Buffer buffer, Deleter deleter = allocator::free);
  /// Shares another array's buffer with strides of its own. `offset` is in elements from other's first element.
  void share_buffer(const array& other, Strides strides, Flags flags, size_t data_size, int64_t offset = 0);
  /// Gives the memory back; the array is as it was before it was computed.
  void drop_data() { desc_->data.reset(); }
  /// Shares another array's buffer as it is; shapes must agree in size.
  void share_buffer(const array& other) { share_buffer(other, other.strides(), other.flags(), other.data_size()); }

 private:
  struct Desc;

  /// A primitive with its inputs: a computation, which the arrays that it makes share.
  struct Node {
    std::shared_ptr<Primitive> primitive;
    std::vector<array> inputs;
    /// The outputs where there are several, held weakly: one that nobody wants needs no memory.
    std::vector<std::weak_ptr<Desc>> outputs;

    Node(std::shared_ptr<Primitive> node_primitive, std::vector<array> node_inputs);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
  };

  /// What a handle points to.
  struct Desc {
    Shape shape;
    Strides strides;
    size_t size = 0;
    Dtype dtype;
    /// What makes the array; null for a leaf.
    std::shared_ptr<Node> node;
    /// The trace that the node was made in from its arguments; 0 outside.
    uint64_t trace = 0;
    std::atomic<Status> status = Status::unscheduled;
    std::shared_ptr<Event> event;
    std::shared_ptr<Data> data;
    int64_t offset = 0;
    size_t data_size = 0;
    Flags flags{false, false, false};

    Desc(Shape desc_shape, Dtype desc_dtype);
  };

  template <typename It>
  void init(It data);
  size_t wrapped(int axis) const { return static_cast<size_t>(axis < 0 ? axis + static_cast<int>(ndim()) : axis); }
  explicit array(Shape shape, Dtype dtype);
  array(Shape shape, Dtype dtype, std::shared_ptr<Node> node);

  std::shared_ptr<Desc> desc_;
};

/// "(2,3)", for messages.
std::string to_string(const Shape& shape);

/// Strides of a C-ordered array of that shape.
Strides row_contiguous_strides(const Shape& shape);

/// The flags of an array with that shape and those strides, and the elements that it spans.
std::pair<array::Flags, size_t> layout_of(const Shape& shape, const Strides& strides);

/// Goes over the arrays along the first axis.
struct array::ArrayIterator {
  using iterator_category = std::random_access_iterator_tag;
  using difference_type = std::ptrdiff_t;
  using value_type = const array;
  using reference = value_type;

  explicit ArrayIterator(const array& source, ShapeElem start = 0) : arr(&source), index(start) {}
  /// The array without its first axis, at the iterator's place. Defined by ops/index.
  reference operator*() const;
  ArrayIterator& operator+=(difference_type steps) {
    index += steps;
    return *this;
  }
  ArrayIterator& operator++() { return *this += 1; }
  friend bool operator==(const ArrayIterator& a, const ArrayIterator& b) {
    return a.arr->id() == b.arr->id() && a.index == b.index;
  }

 private:
  const array* arr;
  ShapeElem index;
};

inline array::ArrayIterator array::begin() const {
  return ArrayIterator(*this);
}
inline array::ArrayIterator array::end() const {
  return ArrayIterator(*this, shape(0));
}

/// A value as another element type; of a complex number's parts a real type keeps the real one.
template <typename To, typename From>
To element_cast(const From& value) {
  if constexpr (std::is_same_v<From, complex64_t> && !std::is_same_v<To, complex64_t>) {
    return static_cast<To>(value.real());
  } else {
    return static_cast<To>(value);
  }
}

template <typename It>
void array::init(It data) {
  set_data(allocator::malloc(nbytes()));
  dispatch(dtype(), [&]<typename T>(T) {
    T* out = this->data<T>();
    for (size_t i = 0; i < size(); ++i, ++data) out[i] = element_cast<T>(*data);
  });
  set_status(Status::available);
}

template <std::input_iterator It>
array::array(It data, Shape shape, Dtype dtype) : array(std::move(shape), dtype) {
  init(data);
}

/// The number of elements of an array of that shape. Throws std::invalid_argument for a negative length,
/// std::overflow_error when there would be too many.
size_t element_count(const Shape& shape);

/// Throws std::invalid_argument unless both counts agree.
void check_element_count(size_t given, size_t wanted);

template <typename T>
array::array(std::initializer_list<T> data, Shape shape, Dtype dtype) : array(std::move(shape), dtype) {
  check_element_count(data.size(), size());
  init(data.begin());
}

/// Throws std::invalid_argument unless there is one element.
void check_single_element(const array& a);

template <typename T>
T array::item() const {
  check_single_element(*this);
  array self = *this;
  self.eval();
  return dispatch(dtype(), [&]<typename S>(S) -> T { return element_cast<T>(*self.data<S>()); });
}

/// Prints shape-aware, as MLX does: array([1, 2, 3], dtype=int32). Computes the array if need be.
std::ostream& operator<<(std::ostream& os, array a);

}  // namespace mica
