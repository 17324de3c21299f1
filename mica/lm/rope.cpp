#include "mica/lm/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mica/base/error.h"

namespace mica::lm {
namespace {

std::vector<float> plain_inverse(int dims, double base) {
  std::vector<float> out;
  for (int i = 0; i < dims; i += 2) {
    // In float32 as transformers computes it: at long distances the last bits of a period count.
    const float exponent = static_cast<float>(i) / static_cast<float>(dims);
    out.push_back(1.0f / std::pow(static_cast<float>(base), exponent));
  }
  return out;
}

/// The part of the configuration that speaks about RoPE, old or new style.
Config rope_section(const Config& config, const std::string& layer_type) {
  if (const auto parameters = config.object("rope_parameters")) {
    const auto of_type = parameters->object(layer_type);
    return of_type ? *of_type : *parameters;
  }
  const auto scaling = config.object("rope_scaling");
  return scaling ? *scaling : config;
}

/// A finite number above zero; missing without a fallback is an Error.
double positive(const Config& config, std::string_view key, std::optional<double> fallback = std::nullopt) {
  const double value = fallback ? config.number(key, *fallback) : config.number(key);
  if (!(value > 0) || std::isinf(value)) config.wrong(key, "a positive number");
  return value;
}

double yarn_magnitude(double factor, double weight) {
  return factor <= 1.0 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

}  // namespace

Rope::Rope(int dims, double base, bool traditional)
    : dims_(dims), base_(base), traditional_(traditional), inverse_(plain_inverse(dims, base)) {}

Rope Rope::from_config(const Config& config, int head_dim, const std::string& layer_type, double default_base) {
  const Config section = rope_section(config, layer_type);
  const double base = positive(section.has("rope_theta") ? section : config, "rope_theta", default_base);
  const double part = section.number("partial_rotary_factor", config.number("partial_rotary_factor", 1.0));
  // Bounded before the conversion, which huge values do not survive.
  const int dims = static_cast<int>(std::clamp(head_dim * part, 0.0, head_dim + 1.0));
  if (dims < 2 || dims > head_dim || dims % 2 != 0) {
    fail("{}: RoPE would turn {} of {} features; partial_rotary_factor or head_dim is wrong", config.name(), dims,
         head_dim);
  }
  Rope rope(dims, base, config.flag("rope_traditional", false));
  const std::string type = section.text("rope_type", section.text("type", "default"));
  if (type == "linear") {
    rope.apply_linear(positive(section, "factor"));
  } else if (type == "dynamic") {
    rope.dynamic_factor_ = positive(section, "factor");
    rope.original_length_ =
        section.integer("original_max_position_embeddings", config.integer("max_position_embeddings"));
  } else if (type == "llama3") {
    rope.apply_llama3(section);
  } else if (type == "yarn") {
    rope.apply_yarn(section, config);
  } else if (type == "longrope" || type == "su") {
    rope.apply_longrope(section, config);
  } else if (type != "default" && type != "mrope") {
    fail("{}: rope_type {} is not one of default, linear, dynamic, llama3, yarn, longrope", config.name(),
         mica::quoted(type));
  }
  return rope;
}

void Rope::scale_periods(const std::vector<float>& factors) {
  if (factors.size() != inverse_.size()) {
    fail("rope_freqs.weight: {} factors where {} are needed", factors.size(), inverse_.size());
  }
  for (size_t i = 0; i < factors.size(); ++i) inverse_[i] /= factors[i];
}

void Rope::apply_linear(double factor) {
  for (float& value : inverse_) value = static_cast<float>(value / factor);
}

void Rope::apply_llama3(const Config& scaling) {
  const double factor = positive(scaling, "factor");
  const double low = positive(scaling, "low_freq_factor", 1.0);
  const double high = positive(scaling, "high_freq_factor", 4.0);
  const double original = positive(scaling, "original_max_position_embeddings", 8192);
  if (!(high > low)) scaling.wrong("high_freq_factor", "more than low_freq_factor");
  for (float& value : inverse_) {
    const double wavelength = 2 * std::numbers::pi / value;
    if (wavelength > original / low) {
      value = static_cast<float>(value / factor);
    } else if (wavelength >= original / high) {
      const double smooth = (original / wavelength - low) / (high - low);
      value = static_cast<float>((1 - smooth) * value / factor + smooth * value);
    }
  }
}

void Rope::apply_yarn(const Config& scaling, const Config& config) {
  const double longest = positive(config, "max_position_embeddings", 4096);
  const double original = positive(scaling, "original_max_position_embeddings", longest);
  const double factor = positive(scaling, "factor", longest / original);
  const auto dimension_of = [&](double rotations) {
    return dims_ * std::log(original / (rotations * 2 * std::numbers::pi)) / (2 * std::log(base_));
  };
  double low = dimension_of(positive(scaling, "beta_fast", 32));
  double high = dimension_of(positive(scaling, "beta_slow", 1));
  if (scaling.flag("truncate", true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims_ - 1.0);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < inverse_.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    inverse_[i] = static_cast<float>(inverse_[i] / factor * ramp + inverse_[i] * (1 - ramp));
  }
  const bool weighted = scaling.has("mscale") && scaling.has("mscale_all_dim") && scaling.number("mscale") != 0 &&
                        scaling.number("mscale_all_dim") != 0;
  const double inferred = weighted ? yarn_magnitude(factor, scaling.number("mscale")) /
                                         yarn_magnitude(factor, scaling.number("mscale_all_dim"))
                                   : yarn_magnitude(factor, 1.0);
  magnitude_ = static_cast<float>(scaling.number("attention_factor", inferred));
}

void Rope::apply_longrope(const Config& scaling, const Config& config) {
  const int longest = config.integer("max_position_embeddings");
  original_length_ =
      config.integer("original_max_position_embeddings", scaling.integer("original_max_position_embeddings", longest));
  const double factor = positive(scaling, "factor", longest / static_cast<double>(original_length_));
  const double inferred =
      factor <= 1.0 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original_length_)));
  magnitude_ = static_cast<float>(scaling.number("attention_factor", inferred));
  inverse_long_ = inverse_;
  const auto divide = [&](std::vector<float>& inverse, std::string_view key) {
    const std::vector<double> factors = scaling.numbers(key);
    if (factors.size() != inverse.size()) scaling.wrong(key, fmt::format("{} numbers", inverse.size()));
    for (size_t i = 0; i < inverse.size(); ++i) {
      if (!(factors[i] > 0)) scaling.wrong(key, "positive numbers");
      const float exponent = static_cast<float>(2 * i) / static_cast<float>(dims_);
      inverse[i] = 1.0f / (static_cast<float>(factors[i]) * std::pow(static_cast<float>(base_), exponent));
    }
  };
  divide(inverse_, "short_factor");
  divide(inverse_long_, "long_factor");
}

std::vector<float> Rope::inverse_periods(int64_t length) const {
  if (!inverse_long_.empty() && length > original_length_) return inverse_long_;
  if (dynamic_factor_ > 0 && length > original_length_) {
    const double growth =
        dynamic_factor_ * static_cast<double>(length) / static_cast<double>(original_length_) - (dynamic_factor_ - 1);
    return plain_inverse(dims_, base_ * std::pow(growth, dims_ / (dims_ - 2.0)));
  }
  return inverse_;
}

bool Rope::has_same_periods(int64_t length, int64_t other) const {
  if (inverse_long_.empty() && dynamic_factor_ <= 0) return true;
  return inverse_periods(length) == inverse_periods(other);
}

std::pair<array, array> Rope::tables(std::span<const int64_t> offsets, std::span<const int64_t> lengths,
                                     int64_t count) const {
  std::vector<float> cosine;
  std::vector<float> sine;
  cosine.reserve(offsets.size() * static_cast<size_t>(count) * inverse_.size());
  sine.reserve(cosine.capacity());
  for (size_t b = 0; b < offsets.size(); ++b) {
    const std::vector<float> inverse = inverse_periods(lengths[b]);
    for (int64_t i = 0; i < count; ++i) {
      for (const float turn : inverse) {
        const float angle = static_cast<float>(offsets[b] + i) * turn;
        cosine.push_back(std::cos(angle) * magnitude_);
        sine.push_back(std::sin(angle) * magnitude_);
      }
    }
  }
  Shape shape = {count, static_cast<ShapeElem>(inverse_.size())};
  if (offsets.size() > 1) shape.insert(shape.begin(), static_cast<ShapeElem>(offsets.size()));
  return {array(cosine.begin(), shape, float32), array(sine.begin(), shape, float32)};
}

}  // namespace mica::lm
