#include "mica/array/stream.h"

#include <map>
#include <memory>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "mica/array/backend.h"
#include "mica/array/stream_queue.h"
#include "mica/base/cpu_info.h"
#include "mica/base/error.h"

namespace mica {
namespace {

struct Streams {
  std::mutex mutex;
  std::vector<Stream> streams;
  std::vector<std::unique_ptr<StreamQueue>> queues;
  std::vector<std::thread::id> makers;
  std::map<Device, Stream> defaults;

  static Streams& get() {
    // Never destroyed: a stream's thread may outlive main().
    static auto* all = new Streams;  // NOLINT(cppcoreguidelines-owning-memory)
    return *all;
  }

  Stream add(Device device) {
    streams.emplace_back(static_cast<int>(streams.size()), device);
    queues.push_back(std::make_unique<StreamQueue>());
    makers.push_back(std::this_thread::get_id());
    return streams.back();
  }
};

// Both are per thread, as in MLX: a StreamContext of one thread does not touch the others.
thread_local std::map<Device, Stream> thread_streams;
thread_local std::optional<Device> thread_device;
/// What thread-local streams, by their index, stand for.
thread_local std::map<int, Stream> thread_local_streams;

void check_device(const Device& device) {
  if (!is_available(device)) fail_as<std::invalid_argument>("[device] there is no such device on this machine");
}

}  // namespace

Device default_device() {
  if (thread_device) return *thread_device;
  return has_backend(Device::gpu) ? Device(Device::gpu) : Device(Device::cpu);
}

void set_default_device(const Device& device) {
  check_device(device);
  thread_device = device;
}

bool is_available(const Device& device) {
  return device.index >= 0 && device.index < device_count(device.type);
}

int device_count(Device::DeviceType type) {
  return has_backend(type) ? 1 : 0;
}

const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(const Device& device) {
  check_device(device);
  static const std::unordered_map<std::string, std::variant<std::string, size_t>> cpu = {
      {"device_name", cpu_name()},
      {"architecture", std::string(isa_name(active_isa()))},
      {"total_memory", memory_limit_bytes()},
      {"cores", static_cast<size_t>(usable_cores())},
  };
  return cpu;
}

Stream default_stream(Device device) {
  if (const auto found = thread_streams.find(device); found != thread_streams.end()) return found->second;
  check_device(device);
  Streams& all = Streams::get();
  const std::lock_guard lock(all.mutex);
  const auto found = all.defaults.find(device);
  return found != all.defaults.end() ? found->second : all.defaults.emplace(device, all.add(device)).first->second;
}

std::optional<Stream> peek_default_stream(Device device) {
  if (const auto found = thread_streams.find(device); found != thread_streams.end()) return found->second;
  check_device(device);
  Streams& all = Streams::get();
  const std::lock_guard lock(all.mutex);
  const auto found = all.defaults.find(device);
  return found != all.defaults.end() ? std::optional(found->second) : std::nullopt;
}

void set_default_stream(Stream stream) {
  StreamQueue::of(stream);
  thread_streams.insert_or_assign(stream.device, stream);
}

Stream new_stream(Device device) {
  check_device(device);
  Streams& all = Streams::get();
  const std::lock_guard lock(all.mutex);
  return all.add(device);
}

Stream new_thread_unsafe_stream(Device device) {
  return new_stream(device);
}

ThreadLocalStream new_thread_local_stream(Device device) {
  const Stream stream = new_stream(device);
  return ThreadLocalStream(stream.index, stream.device);
}

Stream stream_from_thread_local_stream(ThreadLocalStream stream) {
  const auto found = thread_local_streams.find(stream.index);
  if (found != thread_local_streams.end()) return found->second;
  return thread_local_streams.emplace(stream.index, new_stream(stream.device)).first->second;
}

std::vector<Stream> get_streams() {
  Streams& all = Streams::get();
  const std::lock_guard lock(all.mutex);
  return all.streams;
}

void synchronize() {
  synchronize(default_stream(default_device()));
}

void synchronize(Stream stream) {
  StreamQueue::of(stream).drain();
}

void synchronize(ThreadLocalStream stream) {
  synchronize(stream_from_thread_local_stream(stream));
}

void clear_streams() {
  Streams& all = Streams::get();
  std::vector<StreamQueue*> own;
  {
    const std::lock_guard lock(all.mutex);
    for (size_t i = 0; i < all.makers.size(); ++i) {
      if (all.makers[i] == std::this_thread::get_id()) own.push_back(all.queues[i].get());
    }
  }
  for (StreamQueue* queue : own) queue->end_thread();
  thread_streams.clear();
  thread_local_streams.clear();
}

Stream to_stream(StreamOrDevice s) {
  return to_stream(s, default_device());
}

Stream to_stream(StreamOrDevice s, Device fallback) {
  if (const auto* local = std::get_if<ThreadLocalStream>(&s)) return stream_from_thread_local_stream(*local);
  if (const auto* stream = std::get_if<Stream>(&s)) return *stream;
  if (const auto* device = std::get_if<Device>(&s)) return default_stream(*device);
  if (const auto* type = std::get_if<Device::DeviceType>(&s)) return default_stream(Device(*type));
  return default_stream(fallback);
}

StreamContext::StreamContext(StreamOrDevice s)
    : device_(default_device()), stream_(default_stream(to_stream(s).device)) {
  if (std::holds_alternative<std::monostate>(s)) {
    fail_as<std::runtime_error>("[StreamContext] give a stream or a device");
  }
  const Stream wanted = to_stream(s);
  set_default_device(wanted.device);
  set_default_stream(wanted);
}

StreamContext::~StreamContext() {
  set_default_stream(stream_);
  set_default_device(device_);
}

std::ostream& operator<<(std::ostream& os, const Device& device) {
  return os << "Device(" << (device.type == Device::cpu ? "cpu" : "gpu") << ", " << device.index << ")";
}

std::ostream& operator<<(std::ostream& os, const Stream& stream) {
  return os << "Stream(" << stream.device << ", " << stream.index << ")";
}

StreamQueue& StreamQueue::of(const Stream& stream) {
  Streams& all = Streams::get();
  const std::lock_guard lock(all.mutex);
  const auto index = static_cast<size_t>(stream.index);
  if (stream.index < 0 || index >= all.queues.size() || all.streams[index] != stream) {
    fail_as<std::invalid_argument>("[stream] there is no stream {} on that device", stream.index);
  }
  return *all.queues[index];
}

void StreamQueue::push(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& end) { work(end); });
  tasks_.push_back(std::move(task));
  changed_.notify_all();
}

bool StreamQueue::try_claim() {
  const std::lock_guard lock(mutex_);
  if (running_ || !tasks_.empty()) return false;
  running_ = true;
  return true;
}

void StreamQueue::release() {
  const std::lock_guard lock(mutex_);
  running_ = false;
  changed_.notify_all();
}

void StreamQueue::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return tasks_.empty() && !running_; });
}

void StreamQueue::end_thread() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return tasks_.empty() && !running_; });
  if (!thread_.joinable() || thread_.get_id() == std::this_thread::get_id()) return;
  std::jthread ending = std::move(thread_);
  ending.request_stop();
  changed_.notify_all();
  // A task that comes now starts another thread. This one is joined without the lock, which it needs to end.
  lock.unlock();
}

void StreamQueue::work(const std::stop_token& end) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return end.stop_requested() || (!tasks_.empty() && !running_); });
    if (end.stop_requested()) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    running_ = true;
    lock.unlock();
    task();
    lock.lock();
    running_ = false;
    changed_.notify_all();
  }
}

}  // namespace mica
