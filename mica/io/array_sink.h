#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mica/base/file.h"
#include "mica/base/function_ref.h"
#include "mica/io/byte_stream.h"

namespace mica {

/// Takes the bytes of a file one part after the other.
using ByteSink = FunctionRef<void(std::span<const std::byte>)>;

/// Runs `produce` with a sink that writes the file `path`, which appears when all is written; `extension` is appended
/// to a path that lacks it.
void write_file_named(std::string path, std::string_view extension, FunctionRef<void(ByteSink)> produce);

/// Runs `produce` with a sink that writes to the stream.
void write_stream(io::Writer& writer, FunctionRef<void(ByteSink)> produce);

/// All of a stream from its position on, as a file in memory.
std::shared_ptr<const MappedFile> read_stream(io::Reader& reader);

/// Text as bytes.
inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace mica
