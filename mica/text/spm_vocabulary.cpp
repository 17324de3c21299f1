#include "mica/text/spm_vocabulary.h"

#include <cmath>
#include <memory>
#include <utility>

#include "mica/base/error.h"
#include "mica/text/unicode.h"

namespace mica::text {
namespace {

constexpr std::string_view meta_space = "▁";

void check(const SpmVocabulary& source, const std::string& name) {
  if (source.tokens.empty()) fail("{}: the vocabulary has no tokens", name);
  if (source.scores.size() != source.tokens.size()) {
    fail("{}: {} scores for {} tokens", name, source.scores.size(), source.tokens.size());
  }
  for (size_t i = 0; i < source.scores.size(); ++i) {
    if (!std::isfinite(source.scores[i])) fail("{}: score of token {} is not a finite number", name, i);
  }
  if (source.unknown >= static_cast<int64_t>(source.tokens.size())) {
    fail("{}: unknown token {} of {}", name, source.unknown, source.tokens.size());
  }
}

void use_metaspace_words(Pipeline& pipeline) {
  using namespace pre_tokenizers;
  pipeline.pre_tokenizers.emplace_back(Split{CharTest{is_white_space}, SplitBehavior::removed, false});
  pipeline.pre_tokenizers.emplace_back(Metaspace{});
}

void use_decoder(bool prefix, DecoderChain& decoder) {
  decoder.steps.emplace_back(decoders::Replace{std::string(meta_space), " "});
  decoder.steps.emplace_back(decoders::ByteFallback{});
  decoder.strip_content = " ";
  decoder.strip_count = prefix ? 1 : 0;
}

}  // namespace

void set_typed_tokens(const std::vector<std::string_view>& tokens, const std::vector<TokenType>& types,
                      TokenizerData& data) {
  if (tokens.size() > Vocab::max_id) fail("{}: {} tokens are too many", data.name, tokens.size());
  size_t bytes = 0;
  for (const std::string_view token : tokens) bytes += token.size();
  data.vocab.reserve(tokens.size(), bytes);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const TokenType type = i < types.size() ? types[i] : TokenType::normal;
    const auto id = static_cast<int32_t>(i);
    AddedToken added{.content = std::string(), .id = id};
    const bool found_in_text =
        type == TokenType::control || type == TokenType::user_defined || type == TokenType::unknown;
    if (found_in_text) {
      added.content = tokens[i];
      added.special = type != TokenType::user_defined;
    }
    data.set_token(id, tokens[i], found_in_text && added.controls());
    if (found_in_text) data.added.push_back(std::move(added));
  }
}

void use_spm_spaces(bool prefix, Pipeline& pipeline) {
  if (prefix) pipeline.normalizers.emplace_back(normalizers::Prepend{std::string(meta_space)});
  pipeline.normalizers.emplace_back(normalizers::Replace{" ", std::string(meta_space)});
  use_decoder(prefix, pipeline.decoder);
}

void use_spm_vocabulary(const SpmVocabulary& source, TokenizerData& data) {
  check(source, data.name);
  set_typed_tokens(source.tokens, source.types, data);
  // User-defined pieces are found in the text, where spaces are spaces.
  for (AddedToken& token : data.added) {
    if (!token.special) token.content = replace_all(std::string(meta_space), token.content, " ");
  }
  Pipeline& pipeline = data.pipeline;
  if (!source.charsmap.empty()) {
    pipeline.normalizers.emplace_back(normalizers::Precompiled{std::make_shared<const CharsMap>(source.charsmap)});
  }
  if (source.remove_extra_spaces) {
    use_metaspace_words(pipeline);
    use_decoder(true, pipeline.decoder);
  } else {
    use_spm_spaces(source.add_space_prefix, pipeline);
  }
  if (source.unknown >= 0) data.unk = source.unknown;
  if (source.unigram) {
    std::vector<double> scores(source.scores.begin(), source.scores.end());
    data.model = Unigram(std::move(scores), source.unknown, true, data.vocab);
    return;
  }
  Bpe::Options options;
  options.byte_fallback = true;
  options.fuse_unknown = true;
  options.unknown = source.unknown;
  data.model = Bpe(std::move(options), data.vocab, source.scores);
}

}  // namespace mica::text
