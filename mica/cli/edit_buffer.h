#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mica::cli {

/// A text being edited, and where the cursor stands in it. Positions are between characters as a reader sees them.
class EditBuffer {
 public:
  const std::string& text() const { return text_; }
  size_t cursor() const { return cursor_; }

  /// Replaces everything; the cursor goes to the end.
  void set(std::string_view text);
  /// Puts text (made valid UTF-8, control characters but line breaks left out) before the cursor.
  void insert(std::string_view added);

  void left();
  void right();
  void word_left();
  void word_right();
  /// To the beginning or end of the line that the cursor is in.
  void line_start();
  void line_end();
  /// To the line above or below; false when there is none.
  bool up();
  bool down();

  void erase_before();
  void erase_after();
  void erase_word_before();
  void erase_word_after();
  void erase_to_line_end();
  void erase_to_line_start();
  /// Puts back what the last erase of a word or line took.
  void yank();

 private:
  size_t start_of_line(size_t at) const;
  size_t end_of_line(size_t at) const;
  size_t word_start(size_t at) const;
  size_t word_end(size_t at) const;
  void cut(size_t begin, size_t end);
  /// The position `columns` characters into the line at `begin`.
  size_t column_in(size_t begin, size_t columns) const;
  size_t columns_before_cursor() const;

  std::string text_;
  size_t cursor_ = 0;
  std::string killed_;
};

}  // namespace mica::cli
