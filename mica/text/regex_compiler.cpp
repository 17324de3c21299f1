#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "mica/base/error.h"
#include "mica/text/regex_program.h"

namespace mica::text::regex {
namespace {

using Op = Instruction::Op;
using Kind = Node::Kind;

constexpr size_t max_instructions = 20000;
constexpr size_t max_sets = 2000;

bool nullable(const Node& node) {
  switch (node.kind) {
    case Kind::set:
      return false;
    case Kind::sequence:
      return std::all_of(node.children.begin(), node.children.end(), nullable);
    case Kind::choice:
      return std::any_of(node.children.begin(), node.children.end(), nullable);
    case Kind::repeat:
      return node.min == 0 || nullable(node.children[0]);
    case Kind::atomic:
      return nullable(node.children[0]);
    case Kind::look:
    case Kind::place:
      return true;
  }
  return true;
}

// The characters that a match of `node` can begin with; of a nullable node, those of its non-empty matches.
void add_first(const Node& node, PointSet& out) {
  switch (node.kind) {
    case Kind::set:
      return out.add(node.set);
    case Kind::sequence:
      for (const Node& child : node.children) {
        add_first(child, out);
        if (!nullable(child)) return;
      }
      return;
    case Kind::choice:
      for (const Node& child : node.children) add_first(child, out);
      return;
    case Kind::repeat:
      if (node.max > 0) add_first(node.children[0], out);
      return;
    case Kind::atomic:
      return add_first(node.children[0], out);
    case Kind::look:
    case Kind::place:
      return;
  }
}

// The number of characters of every match of `node`, when it is always the same.
std::optional<uint32_t> fixed_length(const Node& node) {
  switch (node.kind) {
    case Kind::set:
      return 1;
    case Kind::look:
    case Kind::place:
      return 0;
    case Kind::atomic:
      return fixed_length(node.children[0]);
    case Kind::repeat: {
      const auto length = fixed_length(node.children[0]);
      if (!length || node.min != node.max || (*length > 0 && node.min > 1000)) return std::nullopt;
      return *length * node.min;
    }
    case Kind::sequence: {
      uint32_t sum = 0;
      for (const Node& child : node.children) {
        const auto length = fixed_length(child);
        if (!length || sum > 100000) return std::nullopt;
        sum += *length;
      }
      return sum;
    }
    case Kind::choice: {
      std::optional<uint32_t> common = fixed_length(node.children[0]);
      for (const Node& child : node.children) {
        if (fixed_length(child) != common) return std::nullopt;
      }
      return common;
    }
  }
  return std::nullopt;
}

class Compiler {
 public:
  explicit Compiler(std::string_view pattern) { program_.pattern = quoted(pattern); }

  Program compile(const Node& root) {
    emit(root);
    add({.op = Op::accept});
    if (const auto first = first_set(root)) program_.first = *first;
    keep_last_repeats();
    return std::move(program_);
  }

 private:
  // A loop that ends its match never has to give anything back.
  void keep_last_repeats() {
    for (size_t i = 0; i < program_.code.size(); ++i) {
      Instruction& repeat = program_.code[i];
      if (repeat.op != Op::repeat_set || repeat.greed != Greed::greedy) continue;
      size_t next = i + 1;
      while (program_.code[next].op == Op::jump && program_.code[next].target > next) next = program_.code[next].target;
      // A sub-program of a look-behind must end at a given place: it may have to give back.
      if (program_.code[next].op == Op::accept && next + 1 == program_.code.size()) repeat.greed = Greed::possessive;
    }
  }

  uint32_t here() const { return static_cast<uint32_t>(program_.code.size()); }

  uint32_t add(Instruction instruction) {
    if (program_.code.size() >= max_instructions) fail("regular expression {}: too large", program_.pattern);
    program_.code.push_back(instruction);
    return here() - 1;
  }

  void land(uint32_t instruction) { program_.code[instruction].target = here(); }

  uint32_t set_index(const PointSet& set) {
    std::vector<std::pair<uint32_t, uint32_t>> key;
    for (const PointRange& range : set.ranges()) key.emplace_back(range.first, range.last);
    const auto [it, is_new] = known_.try_emplace(std::move(key), static_cast<uint32_t>(program_.sets.size()));
    if (is_new) {
      if (known_.size() > max_sets) fail("regular expression {}: too many character classes", program_.pattern);
      program_.sets.emplace_back(set);
    }
    return it->second;
  }

  std::optional<uint32_t> first_set(const Node& node) {
    if (nullable(node)) return std::nullopt;
    PointSet first;
    add_first(node, first);
    return set_index(first);
  }

  void emit(const Node& node) {
    switch (node.kind) {
      case Kind::set:
        add({.op = Op::set, .set = set_index(node.set)});
        return;
      case Kind::sequence:
        for (const Node& child : node.children) emit(child);
        return;
      case Kind::choice:
        return emit_choice(node);
      case Kind::repeat:
        return emit_repeat(node);
      case Kind::look:
        return emit_look(node);
      case Kind::atomic:
        return emit_atomic(node.children[0]);
      case Kind::place:
        add({.op = Op::place, .place = node.place});
        return;
    }
  }

  void emit_choice(const Node& node) {
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i + 1 < node.children.size(); ++i) {
      const uint32_t split = add({.op = Op::split, .set = first_set(node.children[i]).value_or(no_set)});
      emit(node.children[i]);
      jumps.push_back(add({.op = Op::jump}));
      land(split);
    }
    emit(node.children.back());
    for (const uint32_t jump : jumps) land(jump);
  }

  void emit_repeat(const Node& node) {
    const Node& child = node.children[0];
    if (child.kind == Kind::set) {
      add({.op = Op::repeat_set, .greed = node.greed, .set = set_index(child.set), .min = node.min, .max = node.max});
      return;
    }
    if (node.greed == Greed::possessive) {
      Node greedy = node;
      greedy.greed = Greed::greedy;
      return emit_atomic(greedy);
    }
    for (uint32_t i = 0; i < node.min; ++i) {
      emit(child);
      if (child.kind == Kind::sequence && child.children.empty()) break;
    }
    if (node.max == unlimited) return emit_loop(child, node.greed);
    std::vector<uint32_t> exits;
    for (uint32_t i = node.min; i < node.max; ++i) {
      exits.push_back(add({.op = node.greed == Greed::lazy ? Op::split_late : Op::split}));
      emit(child);
    }
    for (const uint32_t exit : exits) land(exit);
  }

  void emit_loop(const Node& child, Greed greed) {
    const uint32_t split = add({.op = greed == Greed::lazy ? Op::split_late : Op::split});
    const bool guarded = nullable(child);
    const uint32_t slot = guarded ? program_.slots++ : 0;
    if (guarded) add({.op = Op::mark, .set = slot});
    if (const auto first = first_set(child); first && !guarded && greed == Greed::greedy) {
      program_.code[split].set = *first;
    }
    emit(child);
    if (guarded) add({.op = Op::progress, .set = slot});
    add({.op = Op::jump, .target = split});
    land(split);
  }

  void emit_look(const Node& node) {
    Instruction look{.op = Op::look, .behind = node.behind, .negative = node.negative};
    if (!node.behind) return emit_sub(look, node.children[0]);
    // Alternatives of a look-behind may differ in length: each becomes a look-behind of its own.
    std::vector<Node> alternatives{node.children[0]};
    if (node.children[0].kind == Kind::choice) alternatives = node.children[0].children;
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i < alternatives.size(); ++i) {
      const auto length = fixed_length(alternatives[i]);
      if (!length) fail("regular expression {}: look-behind of variable length", program_.pattern);
      look.min = *length;
      // Not behind any of them: all have to hold. Behind one of them: the first that holds.
      const bool last = node.negative || i + 1 == alternatives.size();
      const uint32_t split = last ? 0 : add({.op = Op::split});
      emit_sub(look, alternatives[i]);
      if (last) continue;
      jumps.push_back(add({.op = Op::jump}));
      land(split);
    }
    for (const uint32_t jump : jumps) land(jump);
  }

  void emit_atomic(const Node& child) { emit_sub({.op = Op::atomic}, child); }

  void emit_sub(const Instruction& head, const Node& child) {
    const uint32_t at = add(head);
    emit(child);
    add({.op = Op::accept});
    land(at);
  }

  Program program_;
  std::map<std::vector<std::pair<uint32_t, uint32_t>>, uint32_t> known_;
};

}  // namespace

Program compile(const Node& root, std::string_view pattern) {
  return Compiler(pattern).compile(root);
}

}  // namespace mica::text::regex
