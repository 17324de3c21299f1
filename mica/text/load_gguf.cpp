#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "mica/base/error.h"
#include "mica/io/gguf.h"
#include "mica/text/gguf_pre_tokenizers.h"
#include "mica/text/load_tokenizer.h"
#include "mica/text/merge_builder.h"
#include "mica/text/pipeline_from_json.h"
#include "mica/text/spm_vocabulary.h"

namespace mica::text {
namespace {

// Control tokens that end a turn, by the names that model families gave them.
constexpr std::array<std::string_view, 17> end_token_names{"<|eot_id|>",
                                                           "<|eom_id|>",
                                                           "<|im_end|>",
                                                           "<|end|>",
                                                           "<end_of_turn>",
                                                           "<turn|>",
                                                           "<|endoftext|>",
                                                           "<|return|>",
                                                           "<|call|>",
                                                           "<|end_of_text|>",
                                                           "<EOT>",
                                                           "<|EOT|>",
                                                           "<|END_OF_TURN_TOKEN|>",
                                                           "<|end_of_sentence|>",
                                                           "<｜end▁of▁sentence｜>",
                                                           "</s>",
                                                           "<|eot|>"};

class Loader {
 public:
  explicit Loader(const std::filesystem::path& path) : file_(GgufFile::open(path)) { data_.name = path.string(); }

  TokenizerData load() {
    const std::string_view model = file_.get_string("tokenizer.ggml.model");
    tokens_ = file_.get_strings("tokenizer.ggml.tokens").to_vector();
    read_types();
    if (model == "gpt2")
      load_byte_level();
    else if (model == "llama")
      load_spm(false);
    else if (model == "t5")
      load_spm(true);
    else if (model == "gemma4")
      load_spm_with_merges();
    else if (model == "bert")
      load_bert();
    else
      fail("{}: tokenizer.ggml.model {} is not known", data_.name, quoted(model));
    read_ids();
    set_ends(model);
    read_templates();
    return std::move(data_);
  }

 private:
  void read_types() {
    const GgufValue* value = file_.find("tokenizer.ggml.token_type");
    if (value == nullptr) return;
    for (const int64_t type : value->as_i64_array()) {
      // Type 0 is "undefined": a token like any other.
      const bool known = type >= 1 && type <= 6;
      types_.push_back(known ? static_cast<TokenType>(type) : TokenType::normal);
    }
    if (types_.size() != tokens_.size()) {
      fail("{}: tokenizer.ggml.token_type has {} entries for {} tokens", data_.name, types_.size(), tokens_.size());
    }
  }

  std::optional<int32_t> id(std::string_view key) const {
    const GgufValue* value = file_.find(key);
    if (value == nullptr) return std::nullopt;
    const int64_t id = value->as_i64();
    // Converters write -1 for "none".
    if (id < 0) return std::nullopt;
    if (id >= static_cast<int64_t>(tokens_.size()))
      fail("{}: {} is {} of {} tokens", data_.name, key, id, tokens_.size());
    return static_cast<int32_t>(id);
  }

  int32_t unknown_or(int32_t fallback) const {
    const auto known = id("tokenizer.ggml.unknown_token_id");
    if (known) return *known;
    return fallback < static_cast<int64_t>(tokens_.size()) ? fallback : -1;
  }

  const GgufPreTokenizer& pre_tokenizer() const {
    std::string_view name = file_.get_string("tokenizer.ggml.pre", "default");
    // Files from before there was a name: the architecture tells.
    if (name == "default") {
      const std::string_view architecture = file_.get_string("general.architecture", "");
      if (architecture == "gptneox") name = "gpt-neox";
      if (architecture == "falcon" || architecture == "command-r" || architecture == "refact") name = architecture;
    }
    const GgufPreTokenizer* entry = find_gguf_pre_tokenizer(name);
    if (entry == nullptr) fail("{}: tokenizer.ggml.pre {} is not known", data_.name, quoted(name));
    return *entry;
  }

  void load_byte_level() {
    const GgufPreTokenizer& entry = pre_tokenizer();
    Pipeline& pipeline = data_.pipeline;
    if (!entry.normalizer.empty()) pipeline.normalizers = normalizers_from_json(entry.normalizer, data_.name);
    pipeline.pre_tokenizers = pre_tokenizers_from_json(entry.pre_tokenizer, data_.name);
    pipeline.decoder.steps.emplace_back(decoders::ByteLevel{});
    data_.byte_vocab = true;
    set_typed_tokens(tokens_, types_, data_);
    add_bos_ = entry.add_bos;
    Bpe::Options options;
    options.bytes = true;
    options.ignore_merges = entry.ignore_merges;
    data_.model = Bpe(std::move(options), data_.vocab, read_merges());
  }

  MergeTable read_merges() {
    const GgufStrings merges = file_.get_strings("tokenizer.ggml.merges");
    MergeBuilder builder(data_.vocab, data_.byte_vocab, merges.size());
    size_t index = 0;
    for (const std::string_view merge : merges) {
      // A token may begin with a space where the vocabulary has plain spaces: the separator is then a later one.
      const size_t space = merge.find(' ', 1);
      if (space == std::string_view::npos) {
        fail("{}: tokenizer.ggml.merges[{}] {} is not two tokens", data_.name, index, quoted(merge));
      }
      // A merge of tokens that text can't have (control tokens, tokens that were cut off) never applies.
      builder.add(merge.substr(0, space), merge.substr(space + 1));
      ++index;
    }
    return builder.take();
  }

  void load_spm(bool unigram) {
    SpmVocabulary source;
    source.tokens = tokens_;
    source.types = types_;
    source.scores = file_.get("tokenizer.ggml.scores").as_f32_array();
    source.unknown = unknown_or(unigram ? 2 : 0);
    source.unigram = unigram;
    source.add_space_prefix = file_.get_bool("tokenizer.ggml.add_space_prefix", true);
    source.remove_extra_spaces = file_.get_bool("tokenizer.ggml.remove_extra_whitespaces", false);
    if (const GgufValue* map = file_.find("tokenizer.ggml.precompiled_charsmap")) {
      source.charsmap = {reinterpret_cast<const char*>(map->raw().data()), map->raw().size()};
    }
    use_spm_vocabulary(source, data_);
    add_bos_ = !unigram;
    add_eos_ = unigram;
    if (!unigram && tokens_.size() > 2) {
      data_.bos = 1;
      data_.eos = 2;
    }
  }

  // Gemma 4: SentencePiece's spaces and bytes, but merges from a list.
  void load_spm_with_merges() {
    set_typed_tokens(tokens_, types_, data_);
    use_spm_spaces(file_.get_bool("tokenizer.ggml.add_space_prefix", false), data_.pipeline);
    Bpe::Options options;
    options.byte_fallback = true;
    options.fuse_unknown = true;
    options.unknown = unknown_or(-1);
    data_.model = Bpe(std::move(options), data_.vocab, read_merges());
    add_bos_ = true;
  }

  // GGUF writes BERT's vocabulary the other way round: "▁" begins a word, and a continuation has no mark.
  void load_bert() {
    constexpr std::string_view mark = "▁";
    std::vector<std::string> restored;
    restored.reserve(tokens_.size());
    for (const std::string_view token : tokens_) {
      const bool bracketed = token.starts_with('[') && token.ends_with(']') && token.size() > 2;
      if (token.starts_with(mark))
        restored.emplace_back(token.substr(mark.size()));
      else
        restored.push_back(bracketed ? std::string(token) : "##" + std::string(token));
    }
    set_typed_tokens({restored.begin(), restored.end()}, types_, data_);
    WordPiece model;
    model.unknown = unknown_or(100);
    // Vocabularies of cased models have capitals.
    const bool cased = data_.vocab.find("The").has_value();
    data_.model = model;
    data_.pipeline.normalizers.emplace_back(normalizers::Bert{true, true, !cased, !cased});
    data_.pipeline.pre_tokenizers = pre_tokenizers_from_json(R"({"type":"BertPreTokenizer"})", data_.name);
    data_.pipeline.decoder.steps.emplace_back(decoders::WordPiece{});
    data_.bos = id("tokenizer.ggml.cls_token_id");
    data_.eos = id("tokenizer.ggml.seperator_token_id");
    add_bos_ = add_eos_ = true;
  }

  void read_ids() {
    const auto set = [&](std::string_view key, std::optional<int32_t>& out) {
      if (const auto value = id(key)) out = value;
    };
    set("tokenizer.ggml.bos_token_id", data_.bos);
    set("tokenizer.ggml.eos_token_id", data_.eos);
    set("tokenizer.ggml.unknown_token_id", data_.unk);
    set("tokenizer.ggml.padding_token_id", data_.pad);
  }

  void set_ends(std::string_view model) {
    for (const std::string_view key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
      if (const auto end = id(key)) data_.end_tokens.push_back(*end);
    }
    for (const AddedToken& token : data_.added) {
      const bool ends =
          std::find(end_token_names.begin(), end_token_names.end(), token.content) != end_token_names.end();
      if (token.special && ends) data_.end_tokens.push_back(token.id);
    }
    const bool with_bos = file_.get_bool("tokenizer.ggml.add_bos_token", add_bos_);
    const bool with_eos = file_.get_bool("tokenizer.ggml.add_eos_token", add_eos_);
    if (with_bos && data_.bos) data_.pipeline.prefix.push_back(*data_.bos);
    // BERT's texts end with the separator, whatever the end token is called.
    if (const auto separator = id("tokenizer.ggml.seperator_token_id"); separator && model == "bert")
      data_.eos = separator;
    if (with_eos && data_.eos) data_.pipeline.suffix.push_back(*data_.eos);
  }

  void read_templates() {
    constexpr std::string_view prefix = "tokenizer.chat_template";
    for (const GgufValue& value : file_.values()) {
      if (!value.key().starts_with(prefix) || value.type() != GgufType::string) continue;
      std::string_view name = value.key().substr(prefix.size());
      if (name.empty()) name = ".default";
      if (name.starts_with('.')) data_.templates.emplace_back(name.substr(1), value.as_string());
    }
  }

  GgufFile file_;
  TokenizerData data_;
  std::vector<std::string_view> tokens_;
  std::vector<TokenType> types_;
  bool add_bos_ = false;
  bool add_eos_ = false;
};

}  // namespace

TokenizerData load_gguf_vocabulary(const std::filesystem::path& path) {
  return Loader(path).load();
}

}  // namespace mica::text
