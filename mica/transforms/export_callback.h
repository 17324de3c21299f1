#pragma once

#include "mica/transforms/export.h"
#include "mica/transforms/function_file.h"

namespace mica::detail {

/// Tells a callback what it would be written.
class CallbackSink final : public TraceSink {
 public:
  explicit CallbackSink(ExportCallback callback) : callback_(std::move(callback)) {}
  void add(const NamedTrace& trace) override;
  void close() override {}

 private:
  ExportCallback callback_;
};

}  // namespace mica::detail
