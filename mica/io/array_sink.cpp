#include "mica/io/array_sink.h"

#include <stdexcept>

#include "mica/base/error.h"

namespace mica {

void write_file_named(std::string path, std::string_view extension, FunctionRef<void(ByteSink)> produce) {
  if (!path.ends_with(extension)) path += extension;
  AtomicFile file(path);
  produce([&](std::span<const std::byte> bytes) { file.write(bytes); });
  file.commit();
}

void write_stream(io::Writer& writer, FunctionRef<void(ByteSink)> produce) {
  writer.open();
  if (!writer.is_open() || !writer.good()) fail("{}: cannot be written", writer.label());
  produce([&](std::span<const std::byte> bytes) {
    writer.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

std::shared_ptr<const MappedFile> read_stream(io::Reader& reader) {
  if (!reader.is_open() || !reader.good()) fail("{}: cannot be read", reader.label());
  const size_t start = reader.tell();
  reader.seek(0, std::ios_base::end);
  const size_t end = reader.tell();
  reader.seek(static_cast<int64_t>(start));
  return MappedFile::in_memory(reader.label(), end - start, [&](std::span<std::byte> out) {
    reader.read(reinterpret_cast<char*>(out.data()), out.size());
  });
}

}  // namespace mica
