#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace mica::cpu {

/// What transforms of length n need, made once: those used last are kept, the latest first. For any thread.
template <typename Value>
class FourierCache {
 public:
  template <typename Make>
  std::shared_ptr<const Value> get(int64_t n, Make make) {
    if (n > kKept) return make();
    const std::scoped_lock lock(mutex_);
    const auto found = std::ranges::find(entries_, n, &Entry::first);
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
    } else {
      entries_.emplace_front(n, make());
      for (kept_ += n; kept_ > kKept; entries_.pop_back()) kept_ -= entries_.back().first;
    }
    return entries_.front().second;
  }

 private:
  using Entry = std::pair<int64_t, std::shared_ptr<const Value>>;
  static constexpr int64_t kKept = 1 << 22;  // lengths together: some 64 megabytes

  std::mutex mutex_;
  std::list<Entry> entries_;
  int64_t kept_ = 0;
};

}  // namespace mica::cpu
