#pragma once

#include "mica/base/json.h"
#include "mica/text/jinja/value.h"

namespace mica::jinja {

/// A JSON document as a value, all its strings (keys too) marked as the user's. Throws Failure for integers beyond 64
/// bits and for documents too deep or too big.
Value from_json(const Json& json);

}  // namespace mica::jinja
