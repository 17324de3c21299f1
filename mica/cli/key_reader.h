#pragma once

#include <optional>
#include <string>

namespace mica::cli {

enum class Key {
  text,  ///< characters to insert (of a paste: many, with line breaks)
  enter,
  new_line,  ///< Alt-Enter: a line break inside of the text
  left,
  right,
  up,
  down,
  word_left,
  word_right,
  home,
  end,
  backspace,
  erase,  ///< the Delete key
  erase_word,
  erase_word_after,
  erase_to_end,
  erase_to_start,
  yank,
  clear_screen,
  interrupt,     ///< Ctrl-C
  end_of_input,  ///< Ctrl-D
  suspend,       ///< Ctrl-Z
  resize,
  closed,  ///< the terminal went away
  other,   ///< nothing to do for it
};

struct KeyPress {
  Key key = Key::other;
  std::string text;  ///< of Key::text
};

/// The next key of a terminal in raw mode. Understands UTF-8, the usual escape sequences (xterm, VT, Linux console) and
/// bracketed paste.
KeyPress read_key();

}  // namespace mica::cli
