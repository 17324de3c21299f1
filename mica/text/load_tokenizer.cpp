#include "mica/text/load_tokenizer.h"

#include <filesystem>

#include "mica/base/error.h"
#include "mica/base/file.h"

namespace mica::text {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t max_file_bytes = uint64_t{1} << 30;

TokenizerData load_file(const fs::path& path) {
  if (path.extension() == ".gguf") return load_gguf_vocabulary(path);
  const std::string text = read_file(path, max_file_bytes);
  if (text.starts_with("GGUF")) return load_gguf_vocabulary(path);
  const bool sentencepiece = path.filename().string().find(".model") != std::string::npos;
  return sentencepiece ? load_sentencepiece(text, path.string()) : load_tokenizer_json(text, path.string());
}

fs::path tokenizer_file(const fs::path& folder) {
  for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  fail("{}: no tokenizer.json and no tokenizer.model", folder.string());
}

}  // namespace

void name_errors(std::string_view name, FunctionRef<void()> load) {
  try {
    load();
  } catch (const Error& error) {
    if (std::string_view(error.what()).find(name) != std::string_view::npos) throw;
    fail("{}: {}", name, error.what());
  }
}

TokenizerData load_tokenizer(const fs::path& path) {
  const bool is_folder = fs::is_directory(path);
  const fs::path file = is_folder ? tokenizer_file(path) : path;
  TokenizerData data;
  name_errors(file.string(), [&] {
    data = load_file(file);
    if (file.extension() == ".json" || file.extension() == ".model") {
      load_tokenizer_config(is_folder ? path : file.parent_path(), data);
    }
    data.finish();
  });
  return data;
}

}  // namespace mica::text
