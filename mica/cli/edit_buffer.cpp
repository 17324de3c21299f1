#include "mica/cli/edit_buffer.h"

#include "mica/base/utf8.h"
#include "mica/cli/display_width.h"
#include "mica/text/unicode.h"

namespace mica::cli {
namespace {

bool word_at(const std::string& text, size_t at) {
  return text::is_word(next_code_point(text, at));
}

}  // namespace

void EditBuffer::set(std::string_view text) {
  text_ = to_valid_utf8(text);
  cursor_ = text_.size();
}

void EditBuffer::insert(std::string_view added) {
  std::string clean;
  for (const char c : to_valid_utf8(added)) {
    if (c == '\t') {
      clean += "    ";
    } else if (c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)) {
      clean += c;
    }
  }
  text_.insert(cursor_, clean);
  cursor_ += clean.size();
}

void EditBuffer::left() {
  if (cursor_ > 0) cursor_ = previous_cluster(text_, cursor_);
}
void EditBuffer::right() {
  if (cursor_ < text_.size()) cursor_ = next_cluster(text_, cursor_);
}
void EditBuffer::word_left() {
  cursor_ = word_start(cursor_);
}
void EditBuffer::word_right() {
  cursor_ = word_end(cursor_);
}
void EditBuffer::line_start() {
  cursor_ = start_of_line(cursor_);
}
void EditBuffer::line_end() {
  cursor_ = end_of_line(cursor_);
}

bool EditBuffer::up() {
  const size_t begin = start_of_line(cursor_);
  if (begin == 0) return false;
  cursor_ = column_in(start_of_line(begin - 1), columns_before_cursor());
  return true;
}

bool EditBuffer::down() {
  const size_t end = end_of_line(cursor_);
  if (end == text_.size()) return false;
  cursor_ = column_in(end + 1, columns_before_cursor());
  return true;
}

void EditBuffer::erase_before() {
  const size_t end = cursor_;
  left();
  text_.erase(cursor_, end - cursor_);
}
void EditBuffer::erase_after() {
  if (cursor_ < text_.size()) text_.erase(cursor_, next_cluster(text_, cursor_) - cursor_);
}
void EditBuffer::erase_word_before() {
  cut(word_start(cursor_), cursor_);
}
void EditBuffer::erase_word_after() {
  cut(cursor_, word_end(cursor_));
}
void EditBuffer::erase_to_line_end() {
  cut(cursor_, end_of_line(cursor_));
}
void EditBuffer::erase_to_line_start() {
  cut(start_of_line(cursor_), cursor_);
}
void EditBuffer::yank() {
  insert(killed_);
}

void EditBuffer::cut(size_t begin, size_t end) {
  if (begin == end) return;
  killed_ = text_.substr(begin, end - begin);
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

size_t EditBuffer::start_of_line(size_t at) const {
  const size_t before = at == 0 ? std::string::npos : text_.rfind('\n', at - 1);
  return before == std::string::npos ? 0 : before + 1;
}

size_t EditBuffer::end_of_line(size_t at) const {
  const size_t end = text_.find('\n', at);
  return end == std::string::npos ? text_.size() : end;
}

size_t EditBuffer::word_start(size_t at) const {
  const auto word_before = [&] { return word_at(text_, previous_cluster(text_, at)); };
  while (at > 0 && !word_before()) at = previous_cluster(text_, at);
  while (at > 0 && word_before()) at = previous_cluster(text_, at);
  return at;
}

size_t EditBuffer::word_end(size_t at) const {
  while (at < text_.size() && !word_at(text_, at)) at = next_cluster(text_, at);
  while (at < text_.size() && word_at(text_, at)) at = next_cluster(text_, at);
  return at;
}

size_t EditBuffer::column_in(size_t begin, size_t columns) const {
  const size_t end = end_of_line(begin);
  for (; columns > 0 && begin < end; --columns) begin = next_cluster(text_, begin);
  return begin;
}

size_t EditBuffer::columns_before_cursor() const {
  size_t count = 0;
  for (size_t at = start_of_line(cursor_); at < cursor_; at = next_cluster(text_, at)) ++count;
  return count;
}

}  // namespace mica::cli
