#include <optional>
#include <string>
#include <utility>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/regex_ast.h"
#include "mica/text/regex_class.h"

namespace mica::text::regex {
namespace {

constexpr int max_depth = 100;
constexpr uint32_t max_count = 100000;  // Oniguruma's bound on {n,m}

Node set_node(PointSet set) {
  Node node;
  node.kind = Node::Kind::set;
  node.set = std::move(set);
  return node;
}

Node place_node(Place place) {
  Node node;
  node.kind = Node::Kind::place;
  node.place = place;
  return node;
}

Node wrap(Node::Kind kind, Node child) {
  Node node;
  node.kind = kind;
  node.children.push_back(std::move(child));
  return node;
}

Node repeat_node(Node child, uint32_t min, uint32_t max, Greed greed = Greed::greedy) {
  Node node = wrap(Node::Kind::repeat, std::move(child));
  node.min = min;
  node.max = max;
  node.greed = greed;
  return node;
}

PointSet any_character(bool newline_too) {
  PointSet newline;
  if (!newline_too) newline.add('\n');
  return newline.complement();
}

// \w outside of brackets: Oniguruma counts the six numbers of Latin-1 that are not digits, too.
PointSet word_characters() {
  PointSet set;
  for_property("word", [&](PointRange range) { set.add(range); });
  for (const uint32_t p : {0xb2u, 0xb3u, 0xb9u, 0xbcu, 0xbdu, 0xbeu}) set.add(p);
  return set;
}

// \R: a line break of any kind.
Node line_break() {
  PointSet cr, lf, breaks;
  cr.add('\r');
  lf.add('\n');
  breaks.add({'\n', '\r'});
  for (const uint32_t p : {0x85u, 0x2028u, 0x2029u}) breaks.add(p);
  Node pair;
  pair.children.push_back(set_node(cr));
  pair.children.push_back(set_node(lf));
  Node choice;
  choice.kind = Node::Kind::choice;
  choice.children.push_back(std::move(pair));
  choice.children.push_back(set_node(breaks));
  return wrap(Node::Kind::atomic, std::move(choice));
}

struct Flags {
  bool ignore_case = false;
  bool dot_all = false;
  bool extended = false;
};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : in_(pattern) {}

  Node parse_all() {
    Node node = parse_choice({});
    if (!in_.at_end()) in_.refuse("unmatched )");
    return node;
  }

 private:
  Node parse_choice(Flags flags) {
    if (++depth_ > max_depth) in_.refuse("nested too deep");
    Node choice;
    choice.kind = Node::Kind::choice;
    do choice.children.push_back(parse_sequence(flags));
    while (in_.accept('|'));
    --depth_;
    return choice.children.size() == 1 ? std::move(choice.children[0]) : choice;
  }

  Node parse_sequence(Flags flags) {
    Node sequence;
    while (!in_.at_end() && in_.peek() != '|' && in_.peek() != ')') {
      if (flags.extended && skip_extended()) continue;
      if (in_.accept("(?#")) {
        while (!in_.accept(')')) in_.next();
        continue;
      }
      std::optional<Node> item = parse_item(flags);
      if (item) sequence.children.push_back(parse_repeats(std::move(*item)));
    }
    return sequence.children.size() == 1 ? std::move(sequence.children[0]) : sequence;
  }

  bool skip_extended() {
    if (is_white_space(in_.peek())) return in_.next(), true;
    if (!in_.accept('#')) return false;
    while (!in_.at_end() && in_.next() != '\n') continue;
    return true;
  }

  std::optional<Node> parse_item(Flags flags) {
    switch (in_.peek()) {
      case '(':
        in_.next();
        return parse_group(flags);
      case '[':
        in_.next();
        return set_node(parse_class(in_, flags.ignore_case));
      case '.':
        in_.next();
        return set_node(any_character(flags.dot_all));
      case '^':
        in_.next();
        return place_node(Place::line_start);
      case '$':
        in_.next();
        return place_node(Place::line_end);
      case '\\':
        in_.next();
        return parse_escape(flags);
      case '*':
      case '+':
      case '?':
        in_.refuse("nothing to repeat");
      default:
        return character(in_.next(), flags);
    }
  }

  static Node character(uint32_t point, Flags flags) {
    PointSet set;
    set.add(point);
    return set_node(flags.ignore_case ? set.close_over_case() : std::move(set));
  }

  Node parse_escape(Flags flags) {
    switch (in_.peek()) {
      case 'A':
        return in_.next(), place_node(Place::text_start);
      case 'z':
        return in_.next(), place_node(Place::text_end);
      case 'Z':
        return in_.next(), place_node(Place::text_end_or_newline);
      case 'b':
        return in_.next(), place_node(Place::word_edge);
      case 'B':
        return in_.next(), place_node(Place::no_word_edge);
      case 'R':
        return in_.next(), line_break();
      case 'w':
        return in_.next(), set_node(word_characters());
      case 'W':
        return in_.next(), set_node(word_characters().complement());
      case 'O':
        return in_.next(), set_node(any_character(true));
      default:
        break;
    }
    Escape escape = parse_class_escape(in_);
    if (escape.set) return set_node(std::move(*escape.set));
    return character(escape.point, flags);
  }

  // After "(". Nothing when it only set flags for what was parsed inside.
  std::optional<Node> parse_group(Flags flags) {
    Node out;
    if (in_.accept("?:")) {  // NOLINT(bugprone-branch-clone): the forms differ in what they accept
      out = parse_choice(flags);
    } else if (in_.accept("?>")) {
      out = wrap(Node::Kind::atomic, parse_choice(flags));
    } else if (in_.accept("?=")) {
      out = look(flags, false, false);
    } else if (in_.accept("?!")) {
      out = look(flags, false, true);
    } else if (in_.accept("?<=")) {
      out = look(flags, true, false);
    } else if (in_.accept("?<!")) {
      out = look(flags, true, true);
    } else if (in_.accept("?<") || in_.accept("?'")) {
      for (uint32_t c = in_.next(); c != '>' && c != '\''; c = in_.next()) continue;
      out = parse_choice(flags);
    } else if (in_.accept('?')) {
      return parse_flags(flags);
    } else {
      out = parse_choice(flags);
    }
    in_.expect(')');
    return out;
  }

  Node look(Flags flags, bool behind, bool negative) {
    Node node = wrap(Node::Kind::look, parse_choice(flags));
    node.behind = behind;
    node.negative = negative;
    return node;
  }

  // (?i-mx:…) or (?i), which holds to the end of the enclosing group.
  std::optional<Node> parse_flags(Flags flags) {
    bool on = true;
    while (true) {
      const uint32_t c = in_.next();
      if (c == '-')
        on = false;
      else if (c == 'i')
        flags.ignore_case = on;
      else if (c == 'm')
        flags.dot_all = on;
      else if (c == 'x')
        flags.extended = on;
      else if (c == ':')
        break;
      else if (c == ')')
        return parse_choice(flags);
      else
        in_.refuse("unknown group");
    }
    Node node = parse_choice(flags);
    in_.expect(')');
    return node;
  }

  Node parse_repeats(Node node) {
    for (int count = 0; !in_.at_end(); ++count) {
      if (count > 8) in_.refuse("too many quantifiers in a row");
      uint32_t min = 0;
      uint32_t max = unlimited;
      bool interval = false;
      if (in_.accept('*')) {
      } else if (in_.accept('+')) {
        min = 1;
      } else if (in_.accept('?')) {
        max = 1;
      } else if (const auto bounds = parse_interval()) {
        interval = true;
        std::tie(min, max) = *bounds;
      } else {
        break;
      }
      // "{n,m}+" repeats the repeat, and "{n}?" makes it optional: only * + ? have possessive forms.
      const bool exact = interval && min == max;
      Greed greed = Greed::greedy;
      if (!exact && in_.accept('?'))
        greed = Greed::lazy;
      else if (!interval && in_.accept('+'))
        greed = Greed::possessive;
      node = repeat_node(std::move(node), min, max, greed);
    }
    return node;
  }

  // {n}, {n,}, {,m} or {n,m}; anything else after "{" is text.
  std::optional<std::pair<uint32_t, uint32_t>> parse_interval() {
    const size_t start = in_.position();
    if (!in_.accept('{')) return std::nullopt;
    const auto low = in_.number(max_count);
    const bool comma = in_.accept(',');
    const auto high = comma ? in_.number(max_count) : low;
    if ((!low && !high) || !in_.accept('}')) {
      in_.rewind(start);
      // A brace that opens no interval stands for itself; the caller reads it as the next character.
      return std::nullopt;
    }
    const uint32_t min = low.value_or(0);
    const uint32_t max = high.value_or(unlimited);
    if (min > max) in_.refuse("interval bounds the wrong way round");
    return std::pair(min, max);
  }

  PatternReader in_;
  int depth_ = 0;
};

}  // namespace

Node parse(std::string_view pattern) {
  if (!is_utf8(pattern)) fail("regular expression {}: not valid UTF-8", quoted(pattern));
  return Parser(pattern).parse_all();
}

}  // namespace mica::text::regex
