#include "mica/lm/packed_weights.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/base/round_up.h"
#include "mica/cpu/packed_form.h"
#include "mica/io/safetensors_writer.h"
#include "mica/lm/model.h"
#include "mica/lm/weights.h"

namespace mica::lm {
namespace {

namespace fs = std::filesystem;

/// What kernels load at a time: panels begin on multiples of it.
constexpr size_t kAlignment = 64;

/// What the file says of itself: that it is one, how panels are laid out, and the weights that it was made of.
SafetensorsMetadata metadata_of(const Weights& weights) {
  return {{"format", "mica panels"},
          {"layout", std::to_string(cpu::kPanelLayout)},
          {"weights", fmt::format("{:016x}", weights.fingerprint())}};
}

/// The matrix's tensor in the file.
SafetensorsSpec spec_of(const std::string& module, const StoredMatrix& matrix) {
  return {module, StorageType::u8, {static_cast<int64_t>(round_up(cpu::panel_bytes(matrix), kAlignment))}};
}

}  // namespace

fs::path PackedWeights::default_path(const fs::path& model) {
  if (fs::is_directory(model)) return model / "packed.mica";
  return model.string() + ".packed";
}

PackedWeights::PackedWeights(const fs::path& path, const Weights& weights)
    : file_(Safetensors::parse(MappedFile::open(path, MappedFile::Pages::large))) {
  const auto is_there = [&](const auto& entry) { return std::ranges::count(file_.metadata(), entry) > 0; };
  const SafetensorsMetadata expected = metadata_of(weights);
  if (!is_there(expected[0])) fail("{}: not a file of packed weights, which `mica pack` makes", path.string());
  if (!is_there(expected[1])) fail("{}: packed by another version of mica; run `mica pack` again", path.string());
  if (!is_there(expected[2])) fail("{}: packed from other weights; run `mica pack` again", path.string());
}

void PackedWeights::lend(const std::string& module, const StoredMatrix& matrix) const {
  const SafetensorsEntry* entry = file_.find(module);
  if (!entry || !cpu::has_panels_to_keep(matrix)) return;
  const SafetensorsSpec expected = spec_of(module, matrix);
  if (entry->type != expected.type || entry->shape != expected.shape || entry->offset() % kAlignment != 0) {
    fail("{}: the matrix {} is not as it should be; run `mica pack` again", file_.path().string(), module);
  }
  cpu::adopt_panels(matrix, entry->bytes.first(cpu::panel_bytes(matrix)), entry->owner);
}

PackedModel pack_model(const fs::path& path, const PackOptions& options) {
  Checkpoint checkpoint = open_checkpoint(path);
  const SafetensorsMetadata metadata = metadata_of(checkpoint.weights);
  const Model model = make_model(checkpoint);  // takes from the weights what it multiplies with
  std::vector<std::pair<std::string, StoredMatrix>> matrices;
  std::vector<SafetensorsSpec> specs;
  PackedModel out = {options.output.empty() ? PackedWeights::default_path(path) : options.output};
  for (const auto& [module, matrix] : checkpoint.weights.matrices()) {
    if (!cpu::has_panels_to_keep(matrix)) continue;
    matrices.emplace_back(module, matrix);
    specs.push_back(spec_of(module, matrix));
    out.bytes += specs.back().size();
  }
  SafetensorsWriter writer(out.path, specs, metadata, kAlignment);
  std::vector<std::byte> panels;
  uint64_t done = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (options.interrupted && options.interrupted()) fail("interrupted; {} was not written", out.path.string());
    panels.resize(specs[i].size());
    cpu::write_panels(matrices[i].second, panels);
    writer.write(panels);
    done += panels.size();
    if (options.on_progress) options.on_progress(done, out.bytes);
  }
  writer.commit();
  return out;
}

}  // namespace mica::lm
