#include "mica/text/merge_builder.h"

#include "mica/text/byte_level.h"

namespace mica::text {

MergeBuilder::MergeBuilder(const Vocab& vocab, bool bytes, size_t merges, size_t prefix_bytes)
    : vocab_(vocab), bytes_(bytes), prefix_bytes_(prefix_bytes) {
  table_.reserve(merges);
}

std::optional<int32_t> MergeBuilder::find_whole() const {
  const int32_t guess = last_ + 1;
  if (vocab_.has(guess) && vocab_.text(guess) == whole_) return guess;
  return vocab_.find(whole_);
}

bool MergeBuilder::add(std::string_view left, std::string_view right) {
  const uint32_t rank = rank_++;
  if (right.size() < prefix_bytes_) return false;
  whole_.clear();
  std::optional<int32_t> right_id;
  size_t left_bytes = left.size();
  if (bytes_) {
    if (!append_from_byte_alphabet(left, whole_)) return false;
    left_bytes = whole_.size();
    if (!append_from_byte_alphabet(right, whole_)) return false;
    right_id = vocab_.find(std::string_view(whole_).substr(left_bytes));
  } else {
    whole_ += left;
    whole_ += right.substr(prefix_bytes_);
    right_id = vocab_.find(right);
  }
  const auto left_id = vocab_.find(std::string_view(whole_).substr(0, left_bytes));
  if (!left_id || !right_id) return false;
  const auto id = find_whole();
  if (!id) return false;
  last_ = *id;
  table_.insert(*left_id, *right_id, {rank, *id});
  return true;
}

}  // namespace mica::text
