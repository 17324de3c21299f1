#include "mica/text/jinja/from_json.h"

#include <limits>

#include <nlohmann/json.hpp>

namespace mica::jinja {

Value from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return Value::none();
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case Json::value_t::number_float:
      return Value::real(json.get<double>());
    case Json::value_t::string:
      return Value::string(Text::from_user(json.get_ref<const std::string&>()));
    case Json::value_t::number_unsigned: {
      const auto value = json.get<uint64_t>();
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        throw Failure("an integer beyond 64 bits");
      return Value::integer(static_cast<int64_t>(value));
    }
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& item : json) items.push_back(from_json(item));
      return Value::list(std::move(items));
    }
    case Json::value_t::object: {
      Dict out;
      for (const auto& [key, item] : json.items()) out.set(Value::string(Text::from_user(key)), from_json(item));
      return Value::dict(std::move(out));
    }
    default:
      throw Failure("a value that JSON cannot hold");
  }
}

}  // namespace mica::jinja
