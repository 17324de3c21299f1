#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "mica/base/error.h"
#include "mica/text/json_reader.h"
#include "mica/text/load_tokenizer.h"
#include "mica/text/merge_builder.h"
#include "mica/text/pipeline_json.h"

namespace mica::text {
namespace {

AddedToken parse_added_token(const JsonReader& json) {
  AddedToken token;
  token.id = static_cast<int32_t>(json.get("id").integer(0, Vocab::max_id));
  token.content = json.get("content").string();
  token.single_word = json.boolean("single_word", false);
  token.lstrip = json.boolean("lstrip", false);
  token.rstrip = json.boolean("rstrip", false);
  token.special = json.boolean("special", false);
  token.normalized = json.boolean("normalized", !token.special);
  return token;
}

class Loader {
 public:
  Loader(const JsonReader& root, std::string_view name) : root_(root) { data_.name = name; }

  TokenizerData load() {
    parse_parts();
    const JsonReader model = root_.get("model");
    const std::string type = model_type(model);
    data_.byte_vocab = type == "BPE" && data_.pipeline.byte_level();
    if (type == "Unigram")
      load_unigram(model);
    else if (type == "BPE")
      load_bpe(model);
    else if (type == "WordPiece")
      load_wordpiece(model);
    else
      model.refuse("unknown model type {}", mica::quoted(type));
    return std::move(data_);
  }

 private:
  void parse_parts() {
    if (const auto added = root_.find("added_tokens")) {
      added->for_elements([&](const JsonReader& token) { data_.added.push_back(parse_added_token(token)); });
    }
    for (const AddedToken& token : data_.added) {
      if (token.controls()) control_.insert(token.content);
    }
    Pipeline& pipeline = data_.pipeline;
    if (const auto part = root_.find("normalizer")) parse_normalizer(*part, pipeline.normalizers);
    if (const auto part = root_.find("pre_tokenizer")) parse_pre_tokenizer(*part, pipeline.pre_tokenizers);
    if (const auto part = root_.find("decoder"))
      parse_decoder(*part, pipeline.decoder);
    else
      pipeline.decoder.spaced = true;
    if (const auto part = root_.find("post_processor")) parse_post_processor(*part, pipeline);
  }

  // Old files leave the type out; the keys tell.
  static std::string model_type(const JsonReader& model) {
    if (const auto type = model.find("type")) return std::string(type->string());
    if (model.find("merges")) return "BPE";
    if (model.get("vocab").is_array()) return "Unigram";
    return "WordPiece";
  }

  // The loops over vocabulary and merges use bare elements: a JsonReader for each would cost more than the work itself.
  void load_vocab(const JsonReader& vocab) {
    simdjson::dom::object object;
    if (vocab.element().get(object) != simdjson::SUCCESS) vocab.refuse("not an object");
    data_.vocab.reserve(object.size(), object.size() * 8);
    for (const auto& [key, value] : object) {
      int64_t id = -1;
      if (value.get(id) != simdjson::SUCCESS || id < 0 || id > Vocab::max_id) {
        vocab.refuse("{} has no valid id", quoted(key));
      }
      const bool control = !control_.empty() && control_.contains(key);
      if (control) barred_.emplace(key);
      data_.set_token(static_cast<int32_t>(id), key, control);
    }
  }

  std::optional<int32_t> token_id(std::string_view text) const { return data_.find_token(text); }

  int32_t unknown_id(const JsonReader& model) const {
    const auto unknown = model.find("unk_token");
    if (!unknown) return -1;
    const auto id = token_id(unknown->string());
    // Some files name a token that they don't have; it is then never needed or drops what it would stand for.
    return id.value_or(-1);
  }

  void load_bpe(const JsonReader& model) {
    load_vocab(model.get("vocab"));
    Bpe::Options options;
    options.bytes = data_.byte_vocab;
    options.ignore_merges = model.boolean("ignore_merges", false);
    options.byte_fallback = model.boolean("byte_fallback", false);
    options.fuse_unknown = model.boolean("fuse_unk", false);
    options.unknown = unknown_id(model);
    options.continuing_prefix = model.string("continuing_subword_prefix", "");
    options.end_suffix = model.string("end_of_word_suffix", "");
    if (data_.byte_vocab && (!options.continuing_prefix.empty() || !options.end_suffix.empty())) {
      model.refuse("a byte-level vocabulary with affixes is not supported");
    }
    MergeTable merges = load_merges(model.get("merges"), options.continuing_prefix.size());
    data_.model = Bpe(std::move(options), data_.vocab, std::move(merges));
  }

  MergeTable load_merges(const JsonReader& json, size_t prefix_bytes) {
    simdjson::dom::array array;
    if (json.element().get(array) != simdjson::SUCCESS) json.refuse("not an array");
    MergeBuilder builder(data_.vocab, data_.byte_vocab, array.size(), prefix_bytes);
    size_t index = 0;
    for (const simdjson::dom::element item : array) {
      const auto [left, right] = merge_parts(json, item, index++);
      if (left.data() == nullptr || builder.add(left, right)) continue;
      // Control tokens don't come from merging, whatever the list says.
      const auto barred = [&](std::string_view text) { return barred_.contains(std::string(text)); };
      if (barred(left) || barred(right) ||
          barred(std::string(left) + std::string(right.substr(std::min(prefix_bytes, right.size())))))
        continue;
      json.refuse("merge {}: {} {} is not in the vocabulary", index - 1, mica::quoted(left), mica::quoted(right));
    }
    return builder.take();
  }

  // "left right" or ["left", "right"]; no data for a "#version" line.
  static std::pair<std::string_view, std::string_view> merge_parts(const JsonReader& json, simdjson::dom::element item,
                                                                   size_t index) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) {
      if (text.starts_with("#version")) return {};
      const size_t space = text.find(' ');
      if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
        json.refuse("merge {} is not two tokens: {}", index, quoted(text));
      }
      return {text.substr(0, space), text.substr(space + 1)};
    }
    simdjson::dom::array pair;
    std::string_view left;
    std::string_view right;
    if (item.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(left) != simdjson::SUCCESS ||
        pair.at(1).get(right) != simdjson::SUCCESS) {
      json.refuse("merge {} is not two tokens", index);
    }
    return {left, right};
  }

  void load_wordpiece(const JsonReader& model) {
    load_vocab(model.get("vocab"));
    WordPiece wordpiece;
    wordpiece.unknown = unknown_id(model);
    wordpiece.continuing_prefix = model.string("continuing_subword_prefix", "##");
    if (const auto most = model.find("max_input_chars_per_word")) {
      wordpiece.max_characters = static_cast<size_t>(most->integer(0, 1000000));
    }
    data_.model = std::move(wordpiece);
  }

  void load_unigram(const JsonReader& model) {
    simdjson::dom::array array;
    const JsonReader vocab = model.get("vocab");
    if (vocab.element().get(array) != simdjson::SUCCESS) vocab.refuse("not an array");
    data_.vocab.reserve(array.size(), array.size() * 8);
    std::vector<double> scores;
    for (const simdjson::dom::element item : array) {
      simdjson::dom::array pair;
      std::string_view text;
      double score = 0;
      if (item.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(text) != simdjson::SUCCESS ||
          pair.at(1).get(score) != simdjson::SUCCESS || scores.size() > Vocab::max_id) {
        vocab.refuse("entry {} is not a token and its score", scores.size());
      }
      data_.set_token(static_cast<int32_t>(scores.size()), text, control_.contains(text));
      scores.push_back(score);
    }
    const auto unknown = model.find("unk_id");
    const auto id = unknown ? static_cast<int32_t>(unknown->integer(0, Vocab::max_id)) : -1;
    data_.model = Unigram(std::move(scores), id, model.boolean("byte_fallback", false), data_.vocab);
  }

  const JsonReader& root_;
  TokenizerData data_;
  std::unordered_set<std::string_view> control_;  // views into data_.added
  std::unordered_set<std::string> barred_;        // control tokens of the model's vocabulary
};

}  // namespace

TokenizerData load_tokenizer_json(std::string_view json, std::string_view name) {
  simdjson::dom::parser parser;
  const JsonReader root = parse_document(parser, json, name);
  return Loader(root, name).load();
}

}  // namespace mica::text
