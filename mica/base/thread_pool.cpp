#include "mica/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mica/base/cpu_info.h"
#include "mica/base/error.h"
#include "mica/base/node_seats.h"

namespace mica {
namespace {

/// How long a thread looks for work before it parks: longer than what one thread does between two loops of a decode
/// step (norms, a small attention: 20 to 60 µs), far shorter than a time slice. Parking and waking cost some 50 µs.
constexpr int kSpinMicroseconds = 200;

/// Looks before a thread offers its processor to others: some 5 µs, about what a chunk of a decode step takes. Offering
/// takes half a microsecond even when nobody wants it, which a loop that begins meanwhile would wait for.
constexpr int kLooks = 256;

/// Spins until the condition holds or the time is over; tells which. Between looks it offers its processor to others:
/// what it waits for may be waiting for just that processor.
template <typename Condition>
bool spin_until(Condition condition) {
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    for (int i = 0; i < kLooks; ++i) {
      if (condition()) return true;
      _mm_pause();
    }
    ::sched_yield();
    if (std::chrono::steady_clock::now() - start > std::chrono::microseconds(kSpinMicroseconds)) return condition();
  }
}

/// Where the chunks of a thread's share begin, in parts of it: small ones at the end, so that a late thread leaves
/// little for the others to wait for; few in all, so that taking them (one atomic each) costs nothing.
using Chunks = std::span<const int64_t>;
constexpr int64_t kCoarseChunks[] = {0, 4, 8, 12, 14, 15, 16};
/// For shares of many grains, which may take milliseconds: of a prompt of 512 tokens 3 % went into waiting.
constexpr int64_t kFineChunks[] = {0, 16, 32, 44, 52, 57, 60, 62, 63, 64};
constexpr int64_t kManyGrains = 64;

Chunks chunks_for(int64_t grains) {
  return grains >= kManyGrains ? Chunks(kFineChunks) : Chunks(kCoarseChunks);
}
uint32_t count_of(Chunks chunks) {
  return static_cast<uint32_t>(chunks.size() - 1);
}

thread_local bool inside_loop = false;

void futex_wait(std::atomic<uint32_t>& word, uint32_t seen) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word, int count) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

/// The chunks of one home thread: the next one to take, beside the loop's number, in one word, so that a thread that
/// was held up since an earlier loop cannot take a chunk of this one by mistake.
struct alignas(64) Share {
  std::atomic<uint64_t> ticket = 0;
};

constexpr uint64_t first_ticket(uint32_t loop) {
  return static_cast<uint64_t>(loop) << 32;
}

}  // namespace

struct ThreadPool::State {
  /// The current loop; written by its starter while the gate is closed, read by those inside.
  struct Loop {
    FunctionRef<void(int64_t, int64_t)>* body = nullptr;
    int64_t count = 0;
    int64_t grain = 0;
    int64_t grains = 0;
    std::span<const int64_t> ends;  // of the nodes' parts, where they are given
    int threads = 0;
    Home home = Home::preferred;
    const LoopReads* next = nullptr;
    Chunks chunks;
  };

  /// `gate` is one word: chunks that are done, workers that are inside, and whether it is closed.
  static constexpr uint64_t kInside = uint64_t{1} << 32;
  static constexpr uint64_t kClosed = uint64_t{1} << 63;

  State(int size, std::vector<MemoryNode> nodes)
      : shares(static_cast<size_t>(size)), limit(size), seats(size, std::move(nodes)) {
    for (int i = 1; i < size; ++i) workers.emplace_back([this, i] { work(i); });
  }

  ~State() {
    stopping = true;
    loop.fetch_add(1);
    futex_wake(loop, static_cast<int>(workers.size()));
    for (std::thread& worker : workers) worker.join();
  }

  void work(int index) {
    inside_loop = true;  // what a worker runs never starts loops on the pool
    const NodeSeats::Seat seat = seats.seat(index);
    if (seats.nodes().size() > 1) bind_thread(seats.nodes()[seat.node].processors);
    uint32_t seen = 0;
    ReadAhead ahead;
    while (true) {
      seen = wait_for_loop(seen, ahead);
      if (stopping) return;
      // Entering makes the starter keep the loop's description alive until we leave. Whoever is too late finds the gate
      // closed, or another loop's tickets.
      const bool is_open = (gate.fetch_add(kInside) & kClosed) == 0;
      const bool takes_part = is_open && index < current.threads;
      const uint64_t chunks = takes_part ? take_chunks(seat, seen) : 0;
      if (takes_part && current.next) ahead = share_of(*current.next, seat);
      gate.fetch_sub(kInside - chunks);
    }
  }

  /// What a thread of the current loop has of another one.
  ReadAhead share_of(const LoopReads& reads, NodeSeats::Seat seat) const {
    const std::span<const int64_t> ends(reads.node_ends.data(), reads.node_ends.size());
    if (reads.empty() || (seats.nodes().size() > 1 && !seats.fit(current.threads, ends))) return {};
    const NodePart part = seats.part(seat.node, current.threads, ends.back(), ends);
    const int64_t count = part.end - part.begin;
    return {reads, part.begin + seat.number * count / part.threads,
            part.begin + (seat.number + 1) * count / part.threads};
  }

  uint32_t wait_for_loop(uint32_t seen, ReadAhead& ahead) {
    const auto has_begun = [&] {
      if (loop.load(std::memory_order_acquire) != seen) return true;
      ahead.step();
      return false;
    };
    if (!spin_until(has_begun)) {
      sleeping.fetch_add(1);
      while (loop.load() == seen) futex_wait(loop, seen);
      sleeping.fetch_sub(1);
    }
    return loop.load();
  }

  /// Runs chunks: first those of this thread's share, then what is left of the others' on its node, then, unless they
  /// are to stay at home, of those on the other nodes. Returns their number.
  uint64_t take_chunks(NodeSeats::Seat seat, uint32_t number) {
    const size_t nodes = seats.nodes().size();
    const size_t reach = current.home == Home::required ? 1 : nodes;
    uint64_t count = 0;
    for (size_t i = 0; i < reach; ++i) {
      const size_t node = seat.node + i < nodes ? seat.node + i : seat.node + i - nodes;
      const NodePart part = seats.part(node, current.threads, current.grains, current.ends);
      for (int j = 0; j < part.threads; ++j) count += take_share(part, (seat.number + j) % part.threads, number);
    }
    return count;
  }

  /// Runs what is left of a share, and returns the number of its chunks.
  uint64_t take_share(const NodePart& part, int owner, uint32_t number) {
    std::atomic<uint64_t>& next = shares[static_cast<size_t>(part.first_thread) + static_cast<size_t>(owner)].ticket;
    uint64_t count = 0;
    uint64_t seen = next.load();
    while (static_cast<uint32_t>(seen >> 32) == number && static_cast<uint32_t>(seen) < count_of(current.chunks)) {
      if (next.compare_exchange_weak(seen, seen + 1)) {
        run_chunk(part, owner, static_cast<uint32_t>(seen));
        ++count;
        seen = next.load();
      }
    }
    return count;
  }

  /// Chunk `chunk` of a thread's share. Shares of a node differ by one grain at most.
  void run_chunk(const NodePart& part, int owner, int64_t chunk) {
    const int64_t grains = part.end - part.begin;
    const int64_t first = owner * grains / part.threads;
    const int64_t length = (owner + 1) * grains / part.threads - first;
    // A share of few grains: one each, and nothing is left for the last chunks.
    const Chunks chunks = current.chunks;
    const auto start = [&](int64_t i) {
      const bool few = length <= count_of(chunks);
      const int64_t grain = few ? std::min(i, length) : length * chunks[static_cast<size_t>(i)] / chunks.back();
      return (part.begin + first + grain) * current.grain;
    };
    const int64_t begin = start(chunk);
    const int64_t end = std::min(start(chunk + 1), current.count);
    if (begin == end) return;
    try {
      (*current.body)(begin, end);
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  }

  /// Runs a loop described but for its threads, on this thread alone where that is as good or others are at work.
  void start(Loop described) {
    if (described.count <= 0) return;
    described.grains = (described.count + described.grain - 1) / described.grain;
    const bool all = described.home == Home::required && seats.nodes().size() > 1;
    described.threads =
        all ? static_cast<int>(shares.size()) : static_cast<int>(std::min<int64_t>(limit, described.grains));
    described.chunks = chunks_for(described.grains / described.threads);
    if (described.threads == 1 || inside_loop) return (*described.body)(0, described.count);
    const std::unique_lock lock(busy, std::try_to_lock);
    if (!lock.owns_lock()) return (*described.body)(0, described.count);
    inside_loop = true;
    struct Leave {
      ~Leave() { inside_loop = false; }
    } leave;
    if (seats.nodes().size() == 1 || !seats.fit(described.threads, described.ends)) {
      described.ends = {};
      described.home = Home::preferred;
    }
    run(described);
  }

  void run(const Loop& described) {
    // Numbers wrap around after a day of decoding; 0 stays free, no loop has it.
    const uint32_t number = std::max(loop.load() + 1, 1u);
    const int threads = described.threads;
    current = described;
    error = nullptr;
    for (int i = 0; i < threads; ++i) shares[static_cast<size_t>(i)].ticket = first_ticket(number);
    gate.fetch_sub(kClosed);
    loop = number;
    // All of them: those that have a share may be the last ones that a lesser number would reach.
    if (sleeping.load() > 0) futex_wake(loop, static_cast<int>(workers.size()));
    const uint64_t all = static_cast<uint64_t>(threads) * count_of(described.chunks);
    const uint64_t others = all - take_chunks(NodeSeats::Seat(), number);
    ReadAhead ahead;
    if (current.next) ahead = share_of(*current.next, NodeSeats::Seat());
    // All chunks are taken, or their node's threads come. When those that others run are done and everybody has left,
    // nobody may enter any more.
    wait_until([&] {
      uint64_t expected = others;
      if (gate.load() == others && gate.compare_exchange_strong(expected, kClosed)) return true;
      ahead.step();
      return false;
    });
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
  }

  template <typename Condition>
  static void wait_until(Condition condition) {
    while (!spin_until(condition)) {
    }
  }

  // Lines of memory of their own for what starts a loop, what is only read while loops run, and what all threads count
  // in.
  alignas(64) std::atomic<uint32_t> loop = 0;
  std::atomic<bool> stopping = false;
  alignas(64) Loop current;
  std::vector<Share> shares;
  std::atomic<int> limit;
  NodeSeats seats;
  std::vector<std::thread> workers;
  alignas(64) std::exception_ptr error;
  alignas(64) std::atomic<uint64_t> gate = kClosed;
  std::atomic<int> sleeping = 0;
  std::mutex busy;
  std::mutex error_mutex;
};

ThreadPool::ThreadPool(int size, std::vector<MemoryNode> nodes)
    : state_(std::make_unique<State>(size > 0 ? size : usable_cores(), std::move(nodes))) {}

ThreadPool::~ThreadPool() = default;

namespace {

/// The size asked for before the global pool exists; 0: none.
std::atomic<int>& requested_size() {
  static std::atomic<int> size = 0;
  return size;
}

int global_size() {
  if (requested_size() > 0) return requested_size();
  const char* wanted = std::getenv("MICA_THREADS");  // NOLINT(concurrency-mt-unsafe)
  if (!wanted || !*wanted) return 0;
  char* end = nullptr;
  const int64_t threads = std::strtoll(wanted, &end, 10);
  if (*end || threads < 1 || threads > 1024) fail("MICA_THREADS={}: a number from 1 to 1024", quoted(wanted));
  return static_cast<int>(threads);
}

std::vector<MemoryNode> global_nodes() {
  const char* wanted = std::getenv("MICA_NUMA");  // NOLINT(concurrency-mt-unsafe)
  const std::string_view use = wanted && *wanted ? wanted : "on";
  if (use == "off") return {};
  if (use != "on") fail("MICA_NUMA={}: on or off", quoted(use));
  return memory_nodes(usable_processors());
}

}  // namespace

ThreadPool& ThreadPool::global() {
  // Never destroyed: a stream may be at work when the program ends.
  static auto* pool = new ThreadPool(global_size(), global_nodes());  // NOLINT(cppcoreguidelines-owning-memory)
  return *pool;
}

void ThreadPool::set_global_size(int size) {
  requested_size() = size;
  global().limit(size);
}

int ThreadPool::size() const {
  return state_->limit;
}

void ThreadPool::limit(int threads) {
  const int most = static_cast<int>(state_->shares.size());
  state_->limit = threads <= 0 ? most : std::min(threads, most);
}

std::span<const MemoryNode> ThreadPool::nodes() const {
  return state_->seats.nodes();
}

std::vector<int64_t> ThreadPool::node_ends(int64_t count) const {
  std::vector<int64_t> ends;
  for (size_t node = 0; node < nodes().size(); ++node) {
    ends.push_back(state_->seats.part(node, static_cast<int>(state_->shares.size()), count).end);
  }
  return ends;
}

void ThreadPool::parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  grain = std::max<int64_t>(grain, 1);
  state_->start({.body = &body, .count = count, .grain = grain});
}

void ThreadPool::parallel_for(std::span<const int64_t> node_ends, Home home, FunctionRef<void(int64_t, int64_t)> body,
                              const LoopReads* next) {
  const int64_t count = node_ends.empty() ? 0 : node_ends.back();
  state_->start({.body = &body, .count = count, .grain = 1, .ends = node_ends, .home = home, .next = next});
}

}  // namespace mica
