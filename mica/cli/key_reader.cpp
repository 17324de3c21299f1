#include "mica/cli/key_reader.h"

#include <map>
#include <string_view>

#include "mica/base/utf8.h"
#include "mica/cli/signals.h"
#include "mica/cli/terminal.h"

namespace mica::cli {
namespace {

/// The rest of an escape sequence is there at once; a lone Escape has none.
constexpr int kSequenceTimeout = 50;
constexpr std::string_view kPasteEnd = "\033[201~";
constexpr size_t kMaxPaste = size_t{16} << 20;

Key control_key(int byte) {
  switch (byte) {
    case 'A' - '@':
      return Key::home;
    case 'B' - '@':
      return Key::left;
    case 'D' - '@':
      return Key::end_of_input;
    case 'E' - '@':
      return Key::end;
    case 'F' - '@':
      return Key::right;
    case 'H' - '@':
    case 0x7f:
      return Key::backspace;
    case 'J' - '@':
    case 'M' - '@':
      return Key::enter;
    case 'K' - '@':
      return Key::erase_to_end;
    case 'L' - '@':
      return Key::clear_screen;
    case 'N' - '@':
      return Key::down;
    case 'P' - '@':
      return Key::up;
    case 'U' - '@':
      return Key::erase_to_start;
    case 'W' - '@':
      return Key::erase_word;
    case 'Y' - '@':
      return Key::yank;
    case 'Z' - '@':
      return Key::suspend;
    default:
      return Key::other;
  }
}

Key alt_key(int byte) {
  switch (byte) {
    case 'b':
      return Key::word_left;
    case 'f':
      return Key::word_right;
    case 'd':
      return Key::erase_word_after;
    case 0x7f:
    case 'H' - '@':
      return Key::erase_word;
    case '\r':
    case '\n':
      return Key::new_line;
    default:
      return Key::other;
  }
}

/// What stands between "ESC [" or "ESC O" and the end of a sequence, with its last byte.
Key sequence_key(const std::string& sequence) {
  static const std::map<std::string, Key, std::less<>> plain = {
      {"A", Key::up},
      {"B", Key::down},
      {"C", Key::right},
      {"D", Key::left},
      {"H", Key::home},
      {"F", Key::end},
      {"1~", Key::home},
      {"7~", Key::home},
      {"4~", Key::end},
      {"8~", Key::end},
      {"3~", Key::erase},
      {"3;3~", Key::erase_word_after},
      {"3;5~", Key::erase_word_after},
  };
  if (const auto found = plain.find(sequence); found != plain.end()) return found->second;
  // Arrows with modifiers: "1;5C" is Ctrl-right, "1;3D" Alt-left.
  if (sequence.starts_with("1;") && sequence.ends_with('C')) return Key::word_right;
  if (sequence.starts_with("1;") && sequence.ends_with('D')) return Key::word_left;
  return Key::other;
}

KeyPress interrupt_key() {
  // The signal overtakes keys that were pressed before it.
  drop_typed();
  return {Key::interrupt, {}};
}

KeyPress read_paste() {
  std::string text;
  while (!text.ends_with(kPasteEnd)) {
    const auto byte = read_byte(-1);
    if (!byte) return {Key::closed, {}};
    if (*byte < 0 && take_interrupt()) return interrupt_key();
    if (*byte < 0) continue;
    text += static_cast<char>(*byte);
    // What is too much is dropped, but not the mark that ends it.
    if (text.size() > kMaxPaste + kPasteEnd.size()) text.erase(kMaxPaste, 1);
  }
  text.resize(text.size() - kPasteEnd.size());
  std::string lines;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    lines += text[i] == '\r' ? '\n' : text[i];
  }
  return {Key::text, lines};
}

KeyPress read_sequence() {
  std::string sequence;
  while (sequence.size() < 32) {
    const auto byte = read_byte(kSequenceTimeout);
    if (!byte || *byte < 0) return {};
    sequence += static_cast<char>(*byte);
    if (*byte >= 0x40 && *byte <= 0x7e) break;
  }
  if (sequence == "200~") return read_paste();
  return {sequence_key(sequence), {}};
}

KeyPress read_escape() {
  const auto byte = read_byte(kSequenceTimeout);
  if (!byte || *byte < 0) return {};
  if (*byte == '[' || *byte == 'O') return read_sequence();
  return {alt_key(*byte), {}};
}

KeyPress signal_key() {
  if (take_interrupt()) return interrupt_key();
  return {take_resize() ? Key::resize : Key::other, {}};
}

}  // namespace

KeyPress read_key() {
  const auto byte = read_byte(-1);
  if (!byte) return {Key::closed, {}};
  if (*byte < 0) return signal_key();
  if (*byte == '\033') return read_escape();
  if (*byte == '\t') return {Key::text, "\t"};
  if (*byte < 0x20 || *byte == 0x7f) return {control_key(*byte), {}};
  std::string text(1, static_cast<char>(*byte));
  while (unfinished_tail(text) > 0) {
    const auto more = read_byte(kSequenceTimeout);
    if (!more || *more < 0) break;
    text += static_cast<char>(*more);
  }
  return {Key::text, text};
}

}  // namespace mica::cli
