#pragma once

#include <iosfwd>
#include <optional>
#include <tuple>
#include <variant>
#include <vector>

#include "mica/array/device.h"

namespace mica {

/// A queue of work on a device: operations of one stream run in order, those of two streams side by side. A stream can
/// be used from every thread.
struct Stream {
  int index;
  Device device;
  explicit Stream(int stream_index, Device stream_device) : index(stream_index), device(stream_device) {}

  bool operator==(const Stream&) const = default;
  bool operator<(const Stream& other) const { return std::tie(device, index) < std::tie(other.device, other.index); }
};

/// Stands for another stream in every thread.
struct ThreadLocalStream : Stream {
  using Stream::Stream;
};

/// The stream of operations on `device` that name none, in this thread.
Stream default_stream(Device device);

/// default_stream() when there is one already.
std::optional<Stream> peek_default_stream(Device device);

/// Makes `stream` the default of its device in this thread.
void set_default_stream(Stream stream);

/// Makes a stream.
Stream new_stream(Device device);

/// The same: every stream can be used from every thread.
Stream new_thread_unsafe_stream(Device device);

/// A stream for every thread that uses it.
ThreadLocalStream new_thread_local_stream(Device device);
/// That of this thread.
Stream stream_from_thread_local_stream(ThreadLocalStream stream);

/// All streams that exist.
std::vector<Stream> get_streams();

/// Waits until all work queued on the stream (the default one) has ended. Rethrows what its work threw.
void synchronize();
void synchronize(Stream stream);
void synchronize(ThreadLocalStream stream);

/// Waits for the streams that this thread made and ends their threads (work that is queued later starts them again).
/// This thread's choice of default streams is forgotten.
void clear_streams();

/// Where an operation runs: the default stream, a stream, a thread's stream, or a device's default stream.
using StreamOrDevice = std::variant<std::monostate, Stream, ThreadLocalStream, Device, Device::DeviceType>;

/// The stream itself, the device's default stream, or that of `default_device` (the default one).
Stream to_stream(StreamOrDevice s);
Stream to_stream(StreamOrDevice s, Device default_device);

/// Makes a stream (or a device's default stream) the default while it lives. Throws std::runtime_error when neither is
/// given.
class StreamContext {
 public:
  explicit StreamContext(StreamOrDevice s);
  ~StreamContext();
  StreamContext(const StreamContext&) = delete;
  StreamContext& operator=(const StreamContext&) = delete;

 private:
  Device device_;
  Stream stream_;
};

/// "Stream(Device(cpu, 0), 1)".
std::ostream& operator<<(std::ostream& os, const Stream& stream);

}  // namespace mica
