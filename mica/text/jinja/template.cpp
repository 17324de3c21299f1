#include "mica/text/jinja/template.h"

#include "mica/base/error.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/parser.h"

namespace mica::jinja {
namespace {

constexpr size_t kMaxSourceBytes = size_t{4} << 20;

}  // namespace

Template::Template(std::string_view source, std::string name) : name_(std::move(name)) {
  if (source.size() > kMaxSourceBytes) {
    fail("{}: a template of {} bytes, more than the {} allowed", name_, source.size(), kMaxSourceBytes);
  }
  body_ = std::make_shared<const Body>(Parser(source, name_).parse());
}

Output Template::render(const Dict& variables, const Settings& settings) const {
  Interpreter interpreter(name_, settings);
  Output out;
  out.text = interpreter.run(*body_, variables, make_globals());
  out.generated = interpreter.generated();
  return out;
}

}  // namespace mica::jinja
