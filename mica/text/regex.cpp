#include "mica/text/regex.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/regex_program.h"

namespace mica::text {
namespace regex {
namespace {

using Op = Instruction::Op;

// A backtracking machine with an explicit stack and a budget of steps.
class Machine {
 public:
  Machine(const Program& program, std::string_view text)
      : program_(program),
        text_(text),
        slots_(program.slots),
        steps_left_((int64_t{1} << 20) + 256 * int64_t(text.size())) {}

  /// The end of the match that begins at `at`.
  std::optional<size_t> match_at(size_t at) { return run(0, at); }

  bool can_begin_at(size_t at) const { return program_.first == no_set || in_set(program_.first, at); }

 private:
  struct Frame {
    enum class Kind : uint8_t { resume, give_back, take_more, restore };
    Kind kind;
    uint32_t pc;   // where to go on; of restore: the slot; of take_more: the instruction itself
    size_t at;     // position; of restore: the slot's old value
    size_t bound;  // give_back: the lowest position; take_more: how many more may be taken
  };

  bool in_set(uint32_t set, size_t at) const {
    if (at >= text_.size()) return false;
    const auto byte = static_cast<uint8_t>(text_[at]);
    if (byte < 0x80) return program_.sets[set].contains_ascii(byte);
    return program_.sets[set].contains(next_code_point(text_, at));
  }

  // Takes one character of the set.
  bool take(const CharSet& set, size_t& at) const {
    if (at >= text_.size()) return false;
    const auto byte = static_cast<uint8_t>(text_[at]);
    if (byte < 0x80) {
      if (!set.contains_ascii(byte)) return false;
      ++at;
      return true;
    }
    size_t after = at;
    if (!set.contains(next_code_point(text_, after))) return false;
    at = after;
    return true;
  }

  void spend(int64_t steps) {
    steps_left_ -= steps;
    if (steps_left_ < 0) fail("regular expression {}: takes too long on this text", program_.pattern);
  }

  void push(Frame frame) {
    constexpr size_t max_frames = size_t{1} << 22;
    if (stack_.size() >= max_frames) fail("regular expression {}: backtracks too much on this text", program_.pattern);
    stack_.push_back(frame);
  }

  // Takes the newest alternative above `base`; false when there is none.
  bool backtrack(size_t base, uint32_t& pc, size_t& at) {
    while (stack_.size() > base) {
      spend(1);
      Frame& frame = stack_.back();
      switch (frame.kind) {
        case Frame::Kind::restore:
          slots_[frame.pc] = frame.at;
          stack_.pop_back();
          continue;
        case Frame::Kind::resume:
          pc = frame.pc;
          at = frame.at;
          stack_.pop_back();
          return true;
        case Frame::Kind::give_back:
          frame.at = previous_start(text_, frame.at);
          pc = frame.pc;
          at = frame.at;
          if (frame.at <= frame.bound) stack_.pop_back();
          return true;
        case Frame::Kind::take_more:
          if (!take(program_.sets[program_.code[frame.pc].set], frame.at)) {
            stack_.pop_back();
            continue;
          }
          pc = frame.pc + 1;
          at = frame.at;
          if (--frame.bound == 0) stack_.pop_back();
          return true;
      }
    }
    return false;
  }

  bool repeat(const Instruction& in, uint32_t pc, size_t& at) {
    const CharSet& set = program_.sets[in.set];
    uint32_t count = 0;
    while (count < in.min && take(set, at)) ++count;
    if (count < in.min) return spend(count), false;
    if (in.greed == Greed::lazy) {
      if (in.max > in.min) push({Frame::Kind::take_more, pc, at, in.max - in.min});
      return true;
    }
    const size_t lowest = at;
    while (count < in.max && take(set, at)) ++count;
    spend(count);
    if (at > lowest && in.greed == Greed::greedy) push({Frame::Kind::give_back, pc + 1, at, lowest});
    return true;
  }

  bool look(const Instruction& in, uint32_t pc, size_t at) {
    const size_t here = at;
    bool reachable = true;
    for (uint32_t i = 0; in.behind && i < in.min; ++i) {
      if (at == 0) {
        reachable = false;
        break;
      }
      at = previous_start(text_, at);
    }
    spend(in.min);
    std::optional<size_t> end;
    if (reachable) end = run(pc + 1, at);
    const bool holds = end && (!in.behind || *end == here);
    return holds != in.negative;
  }

  bool is_word_at(size_t at) const { return at < text_.size() && is_word(next_code_point(text_, at)); }

  bool holds(Place place, size_t at) const {
    switch (place) {
      case Place::text_start:
        return at == 0;
      case Place::text_end:
        return at == text_.size();
      case Place::text_end_or_newline:
        return at == text_.size() || (at + 1 == text_.size() && text_[at] == '\n');
      case Place::line_start:
        return at == 0 || (text_[at - 1] == '\n' && at < text_.size());
      case Place::line_end:
        return at == text_.size() || text_[at] == '\n';
      case Place::word_edge:
      case Place::no_word_edge: {
        const bool edge = (at > 0 && is_word_at(previous_start(text_, at))) != is_word_at(at);
        return edge == (place == Place::word_edge);
      }
    }
    return false;
  }

  // Runs from `pc` to an accept; the stack above its own base is dropped at the end. Calls itself for sub-programs
  // only, whose nesting the parser bounds.
  std::optional<size_t> run(uint32_t pc, size_t at) {
    const size_t base = stack_.size();
    while (true) {
      if (step(pc, at)) {
        if (program_.code[pc].op != Op::accept) continue;
        stack_.resize(base);
        return at;
      }
      if (!backtrack(base, pc, at)) return std::nullopt;
      if (program_.code[pc].op == Op::accept) {
        stack_.resize(base);
        return at;
      }
    }
  }

  // Executes the instruction at `pc` and moves on; false when it fails.
  bool step(uint32_t& pc, size_t& at) {
    const Instruction& in = program_.code[pc];
    spend(1);
    switch (in.op) {
      case Op::accept:
        return true;
      case Op::set:
        if (!take(program_.sets[in.set], at)) return false;
        ++pc;
        return true;
      case Op::repeat_set:
        if (!repeat(in, pc, at)) return false;
        ++pc;
        return true;
      case Op::split:
        if (in.set != no_set && !in_set(in.set, at)) {
          pc = in.target;
          return true;
        }
        push({Frame::Kind::resume, in.target, at, 0});
        ++pc;
        return true;
      case Op::split_late:
        push({Frame::Kind::resume, pc + 1, at, 0});
        pc = in.target;
        return true;
      case Op::jump:
        pc = in.target;
        return true;
      case Op::look:
        if (!look(in, pc, at)) return false;
        pc = in.target;
        return true;
      case Op::atomic: {
        const auto end = run(pc + 1, at);
        if (!end) return false;
        at = *end;
        pc = in.target;
        return true;
      }
      case Op::place:
        if (!holds(in.place, at)) return false;
        ++pc;
        return true;
      case Op::mark:
        push({Frame::Kind::restore, in.set, slots_[in.set], 0});
        slots_[in.set] = at;
        ++pc;
        return true;
      case Op::progress:
        if (slots_[in.set] == at) return false;
        ++pc;
        return true;
    }
    return false;
  }

  const Program& program_;
  std::string_view text_;
  std::vector<size_t> slots_;
  std::vector<Frame> stack_;
  int64_t steps_left_;
};

}  // namespace
}  // namespace regex

Regex::Regex(std::string_view pattern)
    : program_(std::make_shared<const regex::Program>(regex::compile(regex::parse(pattern), pattern))) {}

void Regex::for_matches(std::string_view text, FunctionRef<void(size_t, size_t)> use) const {
  regex::Machine machine(*program_, text);
  std::optional<size_t> last_end;
  for (size_t at = 0; at <= text.size();) {
    std::optional<size_t> end;
    if (machine.can_begin_at(at)) end = machine.match_at(at);
    const bool touches_last = end == at && last_end == at;
    if (end && !touches_last) {
      use(at, *end);
      last_end = end;
    }
    if (end && *end > at) {
      at = *end;
    } else if (at < text.size()) {
      next_code_point(text, at);
    } else {
      break;
    }
  }
}

}  // namespace mica::text
