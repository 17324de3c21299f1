#include "mica/text/gguf_pre_tokenizers.h"

namespace mica::text {
namespace {

// Pieces of JSON that several entries share.
#define MICA_SPLIT(regex) R"({"type":"Split","behavior":"Isolated","pattern":{"Regex":")" regex R"("}})"
#define MICA_SEQUENCE(parts) R"({"type":"Sequence","pretokenizers":[)" parts "]}"
#define MICA_BYTES R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})"
#define MICA_GPT2 R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})"
#define MICA_DIGITS R"({"type":"Digits","individual_digits":true})"
#define MICA_NFC R"({"type":"NFC"})"
#define MICA_CONTRACTIONS R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define MICA_SPACES R"(\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)"
// A word with an optional character before it, numbers of a certain length, other symbols, spaces.
#define MICA_WORDS(numbers) \
  MICA_CONTRACTIONS R"(|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|)" numbers R"(| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|)" MICA_SPACES
// Words that begin in upper case and go on in lower case, and words all in upper case.
#define MICA_CASED_1 R"([^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+)"
#define MICA_CASED_2 R"([^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*)"
#define MICA_SYMBOLS R"( ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*)"

// The letters that DeepSeek LLM's expression lists: cased ones, but not all of them.
#define MICA_DEEPSEEK_LETTERS                                                                                    \
  R"(A-Za-z\\u00b5\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u01ba\\u01bc-\\u01bf\\u01c4-\\u0293\\u0295-\\u02af)"   \
  R"(\\u0370-\\u0373\\u0376\\u0377\\u037b-\\u037d\\u037f\\u0386\\u0388-\\u038a\\u038c\\u038e-\\u03a1\\u03a3-)"   \
  R"(\\u03f5\\u03f7-\\u0481\\u048a-\\u052f\\u0531-\\u0556\\u10a0-\\u10c5\\u13a0-\\u13f5\\u13f8-\\u13fd\\u1c90-)" \
  R"(\\u1cba\\u1cbd-\\u1cbf\\u1d00-\\u1d2b\\u1d6b-\\u1d77\\u1d79-\\u1d9a\\u1e00-\\u1f15\\u1f18-\\u1f1d\\u1f20-)" \
  R"(\\u1f45\\u1f48-\\u1f4d\\u1f50-\\u1f57\\u1f59\\u1f5b\\u1f5d\\u1f5f-\\u1f7d\\u1f80-\\u1fb4\\u1fb6-\\u1fbc)"   \
  R"(\\u1fbe\\u1fc2-\\u1fc4\\u1fc6-\\u1fcc\\u1fd0-\\u1fd3\\u1fd6-\\u1fdb\\u1fe0-\\u1fec\\u1ff2-\\u1ff4\\u1ff6-)" \
  R"(\\u1ffc\\u2102\\u2107\\u210a-\\u2113\\u2115\\u2119-\\u211d\\u2124\\u2126\\u2128\\u212a-\\u212d\\u212f-)"    \
  R"(\\u2134\\u2139\\u213c-\\u213f\\u2145-\\u2149\\u214e\\u2183\\u2184\\u2c00-\\u2c7b\\u2c7e-\\u2ce4\\u2ceb-)"   \
  R"(\\u2cee\\u2cf2\\u2cf3\\ua640-\\ua66d\\ua680-\\ua69b\\ua722-\\ua76f\\ua771-\\ua787\\ua78b-\\ua78e\\uab70-)"  \
  R"(\\uabbf\\ufb00-\\ufb06\\ufb13-\\ufb17\\uff21-\\uff3a\\uff41-\\uff5a\\x{10400}-\\x{1044f}\\x{104b0}-)"       \
  R"(\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}\\x{1e900}-)" \
  R"(\\x{1e943})"

constexpr GgufPreTokenizer entries[] = {
    {"default gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v2-code jina-v1-en roberta-bpe gigachat olmo jais "
     "mellum modern-bert a.x-4.0",
     "", MICA_GPT2},
    {"mpt gpt-neox", MICA_NFC, MICA_GPT2},
    {"smollm starcoder refact codeshell", "", MICA_SEQUENCE(MICA_DIGITS "," MICA_GPT2)},
    {"command-r", MICA_NFC, MICA_SEQUENCE(MICA_DIGITS "," MICA_GPT2)},
    {"llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2", "",
     MICA_SEQUENCE(MICA_SPLIT(MICA_WORDS(R"(\\p{N}{1,3})")) "," MICA_BYTES), true, true},
    {"dbrx smaug-bpe chatglm-bpe glm4", "", MICA_SEQUENCE(MICA_SPLIT(MICA_WORDS(R"(\\p{N}{1,3})")) "," MICA_BYTES)},
    {"qwen2", MICA_NFC, MICA_SEQUENCE(MICA_SPLIT(MICA_WORDS(R"(\\p{N})")) "," MICA_BYTES)},
    {"stablelm2 megrez deepseek-r1-qwen hunyuan", "",
     MICA_SEQUENCE(MICA_SPLIT(MICA_WORDS(R"(\\p{N})")) "," MICA_BYTES)},
    {"qwen35", MICA_NFC,
     MICA_SEQUENCE(MICA_SPLIT(MICA_CONTRACTIONS
                              R"(|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|)"
                              R"( ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|)" MICA_SPACES) "," MICA_BYTES)},
    {"tekken", "",
     MICA_SEQUENCE(MICA_SPLIT(MICA_CASED_1 "|" MICA_CASED_2 R"(|\\p{N}|)" MICA_SYMBOLS "|" MICA_SPACES) "," MICA_BYTES),
     true, true},
    {"gpt-4o llama4 kanana2", "",
     MICA_SEQUENCE(MICA_SPLIT(MICA_CASED_1 MICA_CONTRACTIONS "?|" MICA_CASED_2 MICA_CONTRACTIONS
                                                             R"(?|\\p{N}{1,3}|)" MICA_SYMBOLS
                                                             "|" MICA_SPACES) "," MICA_BYTES)},
    {"deepseek-v3 hunyuan-dense joyai-llm", "",
     MICA_SEQUENCE(
         MICA_SPLIT(R"(\\p{N}{1,3})") "," MICA_SPLIT(R"([\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+)") "," MICA_SPLIT(
             R"([!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|)"
             R"([^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|)" MICA_SPACES) "," MICA_BYTES)},
    {"deepseek-coder", "",
     MICA_SEQUENCE(MICA_SPLIT(R"([\\r\\n])") "," MICA_SPLIT(R"(\\s?\\p{L}+)") "," MICA_SPLIT(
         R"(\\s?\\p{P}+)") "," MICA_SPLIT(R"([\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+)") "," MICA_DIGITS
                                                                                           "," MICA_BYTES)},
    {"deepseek-llm", "",
     MICA_SEQUENCE(
         MICA_SPLIT(R"([\\r\\n])") "," MICA_SPLIT(R"(\\s?[)" MICA_DEEPSEEK_LETTERS R"(]+)") "," MICA_SPLIT(R"(\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+)") "," MICA_SPLIT(
             R"(\\s+$)") "," MICA_SPLIT(R"([\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+)") "," MICA_DIGITS
                                                                                         "," MICA_BYTES)},
    {"falcon", "",
     MICA_SEQUENCE(R"({"type":"Punctuation","behavior":"Contiguous"},)" MICA_GPT2
                   R"(,{"type":"Digits","individual_digits":false},)" MICA_SPLIT("[0-9][0-9][0-9]"))},
    {"poro-chat bloom gpt3-finnish", "",
     MICA_SEQUENCE(MICA_SPLIT(R"( ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+)") "," MICA_BYTES)},
};

#undef MICA_SPLIT
#undef MICA_SEQUENCE
#undef MICA_BYTES
#undef MICA_GPT2
#undef MICA_DIGITS
#undef MICA_NFC
#undef MICA_CONTRACTIONS
#undef MICA_SPACES
#undef MICA_WORDS
#undef MICA_CASED_1
#undef MICA_CASED_2
#undef MICA_SYMBOLS
#undef MICA_DEEPSEEK_LETTERS

}  // namespace

const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name) {
  for (const GgufPreTokenizer& entry : entries) {
    std::string_view names = entry.names;
    while (!names.empty()) {
      const size_t space = names.find(' ');
      if (names.substr(0, space) == name) return &entry;
      names.remove_prefix(space == std::string_view::npos ? names.size() : space + 1);
    }
  }
  return nullptr;
}

}  // namespace mica::text
