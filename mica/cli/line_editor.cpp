#include "mica/cli/line_editor.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <unistd.h>

#include "mica/cli/display_width.h"

namespace mica::cli {
namespace {

void show(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR) return;
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
}

int text_width(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = next_cluster(text, at);
    width += cluster_width(text.substr(at, end - at));
    at = end;
  }
  return width;
}

/// Makes the terminal mark pasted text, so that line breaks in it do not count as Enter.
class BracketedPaste {
 public:
  BracketedPaste() { show("\033[?2004h"); }
  ~BracketedPaste() { show("\033[?2004l"); }
  BracketedPaste(const BracketedPaste&) = delete;
  BracketedPaste& operator=(const BracketedPaste&) = delete;
};

}  // namespace

LineResult LineEditor::read(const std::string& prompt) {
  RawMode raw;
  take_interrupt();  // it was meant for what went on before
  const BracketedPaste paste;
  prompt_ = prompt;
  buffer_.set("");
  draft_.clear();
  recalled_ = history_.lines().size();
  drawn_cursor_ = 0;
  draw();
  while (true) {
    if (auto result = press(read_key(), raw)) {
      leave_text();
      return std::move(*result);
    }
    draw();
  }
}

std::optional<LineResult> LineEditor::press(const KeyPress& pressed, RawMode& raw) {
  switch (pressed.key) {
    case Key::enter:
      return enter();
    case Key::interrupt:
      return LineResult{LineResult::End::interrupted, buffer_.text()};
    case Key::closed:
      return LineResult{LineResult::End::closed, {}};
    case Key::end_of_input:
      if (buffer_.text().empty()) return LineResult{LineResult::End::closed, {}};
      buffer_.erase_after();
      break;
    case Key::up:
      if (!buffer_.up()) recall(true);
      break;
    case Key::down:
      if (!buffer_.down()) recall(false);
      break;
    case Key::clear_screen:
      show("\033[H\033[2J");
      drawn_cursor_ = 0;
      break;
    case Key::suspend:
      raw.suspend();
      drawn_cursor_ = 0;
      break;
    default:
      edit(pressed);
  }
  return std::nullopt;
}

void LineEditor::edit(const KeyPress& pressed) {
  switch (pressed.key) {
    case Key::text:
      return buffer_.insert(pressed.text);
    case Key::new_line:
      return buffer_.insert("\n");
    case Key::left:
      return buffer_.left();
    case Key::right:
      return buffer_.right();
    case Key::word_left:
      return buffer_.word_left();
    case Key::word_right:
      return buffer_.word_right();
    case Key::home:
      return buffer_.line_start();
    case Key::end:
      return buffer_.line_end();
    case Key::backspace:
      return buffer_.erase_before();
    case Key::erase:
      return buffer_.erase_after();
    case Key::erase_word:
      return buffer_.erase_word_before();
    case Key::erase_word_after:
      return buffer_.erase_word_after();
    case Key::erase_to_end:
      return buffer_.erase_to_line_end();
    case Key::erase_to_start:
      return buffer_.erase_to_line_start();
    case Key::yank:
      return buffer_.yank();
    default:
      return;
  }
}

std::optional<LineResult> LineEditor::enter() {
  const std::string& text = buffer_.text();
  if (buffer_.cursor() == text.size() && text.ends_with('\\')) {
    buffer_.erase_before();
    buffer_.insert("\n");
    return std::nullopt;
  }
  history_.add(text);
  return LineResult{LineResult::End::entered, text};
}

void LineEditor::recall(bool older) {
  const auto& lines = history_.lines();
  if (older ? recalled_ == 0 : recalled_ == lines.size()) return;
  if (recalled_ == lines.size()) draft_ = buffer_.text();
  recalled_ = older ? recalled_ - 1 : recalled_ + 1;
  buffer_.set(recalled_ == lines.size() ? draft_ : lines[recalled_]);
}

LineEditor::Layout LineEditor::layout(int columns) const {
  const std::string& text = buffer_.text();
  const int indent = text_width(prompt_);
  Layout out{{prompt_}, 0, 0};
  int column = indent;
  for (size_t at = 0;;) {
    const bool at_end = at == text.size();
    const size_t end = at_end ? at : next_cluster(text, at);
    const std::string_view cluster = std::string_view(text).substr(at, end - at);
    const bool line_break = cluster == "\n";
    const int width = at_end || line_break ? 0 : cluster_width(cluster);
    // The cursor needs a column of its own: no character in the last one of a full row.
    if (column + std::max(width, 1) > columns) {
      out.rows.emplace_back();
      column = 0;
    }
    if (at == buffer_.cursor()) {
      out.cursor_row = out.rows.size() - 1;
      out.cursor_column = column;
    }
    if (at_end) return out;
    if (line_break) {
      out.rows.emplace_back(static_cast<size_t>(std::min(indent, columns - 1)), ' ');
      column = static_cast<int>(out.rows.back().size());
    } else {
      out.rows.back() += cluster;
      column += width;
    }
    at = end;
  }
}

void LineEditor::draw() {
  const WindowSize window = window_size();
  const Layout all = layout(std::max(window.columns, 2));
  const auto height = static_cast<size_t>(std::max(window.rows, 1));
  const size_t first = all.cursor_row >= height ? all.cursor_row - height + 1 : 0;
  const size_t end = std::min(all.rows.size(), first + height);
  std::string out = "\r";
  // After a resize the window may be lower than what was drawn.
  const size_t above = std::min(drawn_cursor_, height - 1);
  if (above > 0) out += "\033[" + std::to_string(above) + "A";
  out += "\033[J";
  for (size_t row = first; row < end; ++row) {
    if (row > first) out += "\r\n";
    out += all.rows[row];
  }
  const size_t back = end - 1 - all.cursor_row;
  if (back > 0) out += "\033[" + std::to_string(back) + "A";
  out += "\r";
  if (all.cursor_column > 0) out += "\033[" + std::to_string(all.cursor_column) + "C";
  show(out);
  drawn_cursor_ = all.cursor_row - first;
}

void LineEditor::leave_text() {
  buffer_.set(buffer_.text());
  draw();
  show("\r\n");
}

}  // namespace mica::cli
