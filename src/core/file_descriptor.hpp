// FileDescriptor: owner of a POSIX file descriptor.
#pragma once

#include "core/handle.hpp"

namespace podium {

struct FileDescriptorTraits {
  using Value = int;
  static Value null() noexcept { return -1; }
  static void close(Value fd) noexcept;
};

using FileDescriptor = Handle<FileDescriptorTraits>;

}  // namespace podium
