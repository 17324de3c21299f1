// Everything from many threads at once: shared lazy graphs, streams, random numbers, compiled functions, transforms,
// errors, memory. Made to be run under ThreadSanitizer, too.

#include <barrier>
#include <mutex>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "mica/mica.h"
#include "op_table.h"

namespace mica::testing {
namespace {

constexpr int kThreads = 6;

/// Runs work(0) … work(kThreads − 1) side by side, started together.
void at_once(const std::function<void(int)>& work) {
  std::barrier start(kThreads);
  std::vector<std::jthread> threads;
  threads.reserve(kThreads);
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      start.arrive_and_wait();
      try {
        work(number);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "thread " << number << ": " << error.what();
      }
    });
  }
}

/// The steps of a long chain, each on the next of the streams; nothing is computed yet.
Arrays chain(const array& x, const std::vector<Stream>& streams) {
  Arrays steps = {x};
  for (size_t i = 0; i < 24; ++i) {
    const Stream& stream = streams[i % streams.size()];
    steps.push_back(add(multiply(steps.back(), array(0.75, float64), stream), sin(steps[i / 2], stream), stream));
  }
  return steps;
}

TEST(Threads, EvaluateOneGraphTogether) {
  const std::vector<Stream> streams = {new_stream(Device::cpu), new_stream(Device::cpu), default_stream(Device::cpu)};
  const array x = scattered({33, 17});
  std::vector<std::vector<double>> wanted;
  for (const array& step : chain(x, {default_stream(Device::cpu)})) wanted.push_back(values_of(step));
  for (int round = 0; round < 20; ++round) {
    const Arrays steps = chain(x, streams);
    at_once([&](int number) {
      for (size_t i = static_cast<size_t>(number); i < steps.size(); i += kThreads / 2) {
        array own = steps[i];
        if (number % 2 == 0) async_eval(own, steps.back());
        ASSERT_EQ(values_of(own), wanted[i]);
      }
    });
  }
}

TEST(Threads, PassUnfinishedWorkToEachOther) {
  struct Slot {
    std::mutex mutex;
    array value = zeros({64});
    int expected = 0;
  };
  std::array<Slot, kThreads> slots;
  const auto read = [&](int number) {
    Slot& slot = slots[static_cast<size_t>(number)];
    const std::lock_guard lock(slot.mutex);
    return std::pair(slot.value, slot.expected);
  };
  at_once([&](int number) {
    const StreamContext own(new_stream(Device::cpu));
    for (int i = 0; i < 60; ++i) {
      const auto [value, expected] = read((number + 1 + i) % kThreads);
      const array next = add(value, array(1.0f));
      if (i % 3 != 0) async_eval(next);
      Slot& slot = slots[static_cast<size_t>(number)];
      const std::lock_guard lock(slot.mutex);
      slot.value = next;
      slot.expected = expected + 1;
    }
  });
  for (const Slot& slot : slots) EXPECT_EQ(sum(slot.value).item<float>(), 64.0f * static_cast<float>(slot.expected));
}

TEST(Threads, OverwriteOnlyWhatOthersHaveRead) {
  const array two(2.0f);
  for (int round = 0; round < 20; ++round) {
    array x = add(ones({512}), two);
    x.eval();
    float total = 0;
    std::jthread reader([own = x, &total]() mutable {
      const array mine = std::move(own);
      total = std::accumulate(mine.data<float>(), mine.data<float>() + mine.size(), 0.0f);
    });
    array doubled = multiply(x, two);
    x = two;
    // Nothing but the count of owners tells that the reader is done.
    while (!doubled.inputs()[0].is_donatable()) std::this_thread::yield();
    doubled.eval();
    EXPECT_EQ(sum(doubled).item<float>(), 512 * 6.0f);
    reader.join();
    EXPECT_EQ(total, 512 * 3.0f);
  }
}

TEST(Threads, HaveTheirOwnRandomNumbers) {
  const auto draw = [] {
    random::seed(7);
    std::vector<double> out;
    for (int i = 0; i < 10; ++i) {
      for (const array& drawn :
           {random::uniform({50}), random::normal({3, 5}), random::gumbel({7}),
            astype(random::randint(0, 1000, {9}), float32), astype(random::permutation(20), float32)}) {
        const std::vector<double> values = values_of(drawn);
        out.insert(out.end(), values.begin(), values.end());
      }
    }
    return out;
  };
  const std::vector<double> wanted = draw();
  at_once([&](int) { EXPECT_EQ(draw(), wanted); });
}

TEST(Threads, ShareCompiledFunctions) {
  const array captured = exp(scattered({1}));
  const auto fun = [&](const Arrays& v) {
    const array both = multiply(exp(v[0]), v[1]);
    return Arrays{sum(add(both, captured)), subtract(both, captured)};
  };
  const Function for_lengths = compile(fun);
  const Function shapeless = compile(fun, true);
  at_once([&](int number) {
    for (int i = 0; i < 60; ++i) {
      // The first thread has all traced anew with other steps; the others meet at the same lengths in another order.
      if (number == 0) set_compile_mode(i % 2 == 0 ? CompileMode::no_fuse : CompileMode::enabled);
      const ShapeElem length = 1 + (i * (number + 1)) % 23;
      const array x = scattered({length});
      const array y = scattered({length}, 1, 2);
      const Arrays wanted = fun({x, y});
      for (const Function& compiled : {for_lengths, shapeless}) {
        const Arrays got = compiled({x, y});
        ASSERT_EQ(values_of(got[1]), values_of(wanted[1])) << length;
        ASSERT_EQ(values_of(got[0]), values_of(wanted[0])) << length;
      }
    }
  });
  enable_compile();
}

TEST(Threads, TransformAtTheSameTime) {
  const array weight = exp(scattered({5}));
  const auto loss = [&](const array& x) { return sum(tanh(multiply(x, weight))); };
  const auto slopes = vmap(grad(loss));
  const auto both_ways = compile([&](const Arrays& v) { return Arrays{slopes(v[0])}; });
  at_once([&](int number) {
    const array batch = scattered({4, 5}, -1 - number, 1 + number);
    // d/dx tanh(w·x) = w · (1 − tanh²(w·x))
    const array wanted = multiply(weight, subtract(array(1.0), square(tanh(multiply(batch, weight)))));
    for (int i = 0; i < 15; ++i) {
      ASSERT_TRUE(allclose(slopes(batch), wanted).item<bool>());
      ASSERT_TRUE(allclose(both_ways({batch})[0], wanted).item<bool>());
    }
  });
}

TEST(Threads, ShareThePoolForLargeArrays) {
  const array a = astype(scattered({192, 256}), float32);
  const array b = astype(scattered({256, 160}), float32);
  const auto compute = [&] {
    const array product = matmul(a, b);
    return Arrays{product, softmax(product, 0), sort(product, 1), cumsum(transpose(product), 1)};
  };
  std::vector<std::vector<double>> wanted;
  for (const array& value : compute()) wanted.push_back(values_of(value));
  at_once([&](int) {
    const StreamContext own(new_stream(Device::cpu));
    for (int round = 0; round < 4; ++round) {
      const Arrays got = compute();
      for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(values_of(got[i]), wanted[i]) << i;
    }
    clear_streams();
  });
}

TEST(Threads, GetTheErrorsOfWhatTheyRead) {
  const array singular = zeros({3, 3});
  at_once([&](int number) {
    for (int i = 0; i < 20; ++i) {
      array bad = linalg::inv(add(singular, array(0.0f)));
      const array good = add(array(static_cast<float>(number)), array(1.0f));
      async_eval(bad);
      ASSERT_THROW(bad.eval(), std::runtime_error);
      ASSERT_EQ(good.item<float>(), static_cast<float>(number + 1));
    }
  });
}

TEST(Threads, MayAskForMemoryWhileOthersCompute) {
  clear_cache();
  synchronize();
  const size_t before = get_active_memory();
  const size_t limit = set_cache_limit(size_t{1} << 20);
  at_once([&](int number) {
    for (int i = 0; i < 100; ++i) {
      if (number < 2) {
        set_cache_limit(static_cast<size_t>(i) << 12);
        if (i % 8 == 0) clear_cache();
        EXPECT_LE(get_active_memory(), before + (size_t{64} << 20));
        reset_peak_memory();
        EXPECT_LE(get_peak_memory(), before + (size_t{64} << 20));
      } else {
        ASSERT_EQ(sum(ones({1000 * number})).item<float>(), 1000.0f * static_cast<float>(number));
      }
    }
  });
  set_cache_limit(limit);
  EXPECT_LE(get_active_memory(), before + 4096);
}

}  // namespace
}  // namespace mica::testing
