#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "mica/base/json.h"

namespace mica::lm {

/// A model's config.json (or what GGUF metadata says, in the same keys), read with checks: every error names the file
/// and the key. Values are bounded: a file cannot ask for a model of absurd size.
class Config {
 public:
  Config(Json json, std::string name);
  Config(const Config&);
  Config& operator=(const Config&);
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;
  ~Config();

  /// The file, for messages.
  const std::string& name() const { return name_; }
  const Json& json() const { return *json_; }

  /// Whether the key is there and not null.
  bool has(std::string_view key) const;

  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  double number(std::string_view key) const;
  double number(std::string_view key, double fallback) const;
  bool flag(std::string_view key, bool fallback) const;

  /// A count or size: 1 … 2^31 − 1 (0 allowed with a fallback of 0).
  int integer(std::string_view key) const;
  int integer(std::string_view key, int fallback) const;

  std::vector<std::string> texts(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;
  std::vector<int> integers(std::string_view key) const;

  /// An object inside, with a name that tells where it is; nothing when it is absent or null.
  std::optional<Config> object(std::string_view key) const;

  [[noreturn]] void wrong(std::string_view key, std::string_view expected) const;

 private:
  const Json* find(std::string_view key) const;
  const Json& get(std::string_view key) const;

  std::unique_ptr<Json> json_;
  std::string name_;
};

}  // namespace mica::lm
