#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mica/cli/edit_buffer.h"
#include "mica/cli/history.h"
#include "mica/cli/key_reader.h"
#include "mica/cli/terminal.h"

namespace mica::cli {

/// How reading a line ended.
struct LineResult {
  enum class End {
    entered,
    interrupted,  ///< Ctrl-C: the line is dropped; text says what it was
    closed,       ///< Ctrl-D on an empty line, or no more input
  };
  End end = End::closed;
  std::string text;
};

/// Lets a person write a line, or several, on a terminal: cursor keys, the usual control keys, history, pasting. A line
/// that ends in a backslash goes on with the next one; so does Alt-Enter. Text longer than the window is wrapped, and
/// of text higher than it the part around the cursor is shown.
class LineEditor {
 public:
  explicit LineEditor(History history) : history_(std::move(history)) {}

  LineResult read(const std::string& prompt);

 private:
  /// The text as rows of the window.
  struct Layout {
    std::vector<std::string> rows;
    size_t cursor_row = 0;
    int cursor_column = 0;
  };

  std::optional<LineResult> press(const KeyPress& pressed, RawMode& raw);
  void edit(const KeyPress& pressed);
  std::optional<LineResult> enter();
  void recall(bool older);
  Layout layout(int columns) const;
  void draw();
  void leave_text();

  History history_;
  EditBuffer buffer_;
  std::string prompt_;
  std::string draft_;        ///< what was written before history was looked through
  size_t recalled_ = 0;      ///< index into the history; its size: the draft
  size_t drawn_cursor_ = 0;  ///< rows from the first drawn one to the cursor
};

}  // namespace mica::cli
