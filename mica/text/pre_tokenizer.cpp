#include "mica/text/pre_tokenizer.h"

#include <utility>

#include "mica/base/function_ref.h"
#include "mica/base/utf8.h"
#include "mica/text/byte_level.h"

namespace mica::text {
namespace {

using pre_tokenizers::ByteLevel;
using pre_tokenizers::CharTest;
using pre_tokenizers::Metaspace;
using pre_tokenizers::Split;

struct ForMatches {
  std::string_view text;
  FunctionRef<void(size_t, size_t)> use;

  void operator()(const Regex& regex) const { regex.for_matches(text, use); }
  void operator()(const std::string& literal) const {
    if (literal.empty()) return;
    for (size_t at = text.find(literal); at != std::string_view::npos; at = text.find(literal, at + literal.size())) {
      use(at, at + literal.size());
    }
  }
  void operator()(const CharTest& chars) const {
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      if (chars.test(next_code_point(text, at))) use(begin, at);
    }
  }
};

// Turns matches and the text between them, given in order, into pieces.
class Cutter {
 public:
  Cutter(SplitBehavior behavior, std::vector<Span>& out) : behavior_(behavior), out_(out) {}

  void add(Span span, bool is_match) {
    const bool has_last = has_last_;
    switch (behavior_) {
      case SplitBehavior::removed:
        if (!is_match) push(span);
        break;
      case SplitBehavior::isolated:
        push(span);
        break;
      case SplitBehavior::contiguous:
        if (is_match == previous_ && has_last)
          last_.end = span.end;
        else
          push(span);
        break;
      case SplitBehavior::merged_with_previous:
        if (is_match && !previous_ && has_last)
          last_.end = span.end;
        else
          push(span);
        break;
      case SplitBehavior::merged_with_next:
        // A match takes the text after it, and only the last of several matches does.
        if (!is_match && previous_)
          last_.end = span.end;
        else
          push(span);
        break;
    }
    previous_ = is_match;
  }

  void finish() {
    if (has_last_ && last_.size() > 0) out_.push_back(last_);
    has_last_ = false;
  }

 private:
  void push(Span span) {
    finish();
    last_ = span;
    has_last_ = true;
  }

  SplitBehavior behavior_;
  std::vector<Span>& out_;
  Span last_;
  bool has_last_ = false;
  bool previous_ = false;
};

void cut(std::string_view text, size_t offset, const Split& split, std::vector<Span>& out) {
  Cutter cutter(split.behavior, out);
  size_t done = 0;
  const auto use = [&](size_t begin, size_t end) {
    if (begin > done) cutter.add({offset + done, offset + begin}, split.invert);
    cutter.add({offset + begin, offset + end}, !split.invert);
    done = end;
  };
  std::visit(ForMatches{text, use}, split.pattern);
  if (done < text.size()) cutter.add({offset + done, offset + text.size()}, split.invert);
  cutter.finish();
}

void cut_all(const Split& split, Pieces& pieces) {
  std::vector<Span> out;
  out.reserve(pieces.spans.size() + pieces.text.size() / 4);
  for (const Span& span : pieces.spans) {
    cut(std::string_view(pieces.text).substr(span.begin, span.size()), span.begin, split, out);
  }
  pieces.spans = std::move(out);
}

// Writes every piece anew.
template <typename Write>
void rewrite(Pieces& pieces, const Write& write) {
  std::string text;
  text.reserve(pieces.text.size() * 2);
  for (Span& span : pieces.spans) {
    const size_t begin = text.size();
    write(std::string_view(pieces.text).substr(span.begin, span.size()), text);
    span = {begin, text.size()};
  }
  pieces.text = std::move(text);
}

void apply_one(const Split& split, Pieces& pieces) {
  cut_all(split, pieces);
}

void apply_one(const ByteLevel& byte_level, Pieces& pieces) {
  if (byte_level.add_prefix_space) {
    rewrite(pieces, [](std::string_view piece, std::string& out) {
      if (!piece.starts_with(' ')) out.push_back(' ');
      out += piece;
    });
  }
  if (byte_level.use_regex) cut_all({gpt2_pattern(), SplitBehavior::isolated, false}, pieces);
  if (byte_level.write_alphabet) {
    rewrite(pieces, [](std::string_view piece, std::string& out) { out += to_byte_alphabet(piece); });
  }
}

void apply_one(const Metaspace& metaspace, Pieces& pieces) {
  bool first = pieces.at_start;
  rewrite(pieces, [&](std::string_view piece, std::string& out) {
    const bool prepends =
        metaspace.prepend == Metaspace::Prepend::always || (metaspace.prepend == Metaspace::Prepend::first && first);
    first = false;
    if (prepends && !piece.starts_with(' ') && !piece.starts_with(metaspace.replacement)) out += metaspace.replacement;
    for (const char c : piece) {
      if (c == ' ')
        out += metaspace.replacement;
      else
        out.push_back(c);
    }
  });
  if (metaspace.split) cut_all({metaspace.replacement, SplitBehavior::merged_with_next, false}, pieces);
}

}  // namespace

const Regex& gpt2_pattern() {
  static const Regex pattern(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
  return pattern;
}

void run_pre_tokenizers(const std::vector<PreTokenizer>& pre_tokenizers, Pieces& pieces) {
  for (const PreTokenizer& pre_tokenizer : pre_tokenizers) {
    std::visit([&](const auto& one) { apply_one(one, pieces); }, pre_tokenizer);
  }
}

}  // namespace mica::text
