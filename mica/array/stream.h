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

/// The stream of operations on `device` that name none, in this thread.
Stream default_stream(Device device);

/// Makes `stream` the default of its device in this thread.
void set_default_stream(Stream stream);

Stream new_stream(Device device);

/// All streams that exist.
std::vector<Stream> get_streams();

/// Waits until all work queued on the stream (the default one) has ended. Rethrows what its work threw.
void synchronize();
void synchronize(Stream stream);

using StreamOrDevice = std::variant<std::monostate, Stream, Device, Device::DeviceType>;

/// The stream itself, the device's default stream, or the default device's default stream.
Stream to_stream(StreamOrDevice s);

/// Makes a stream (or a device's default stream) the default while it lives.
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

std::ostream& operator<<(std::ostream& os, const Stream& stream);

}  // namespace mica
