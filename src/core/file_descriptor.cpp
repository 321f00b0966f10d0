#include "core/file_descriptor.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/log.hpp"

namespace podium {

void FileDescriptorTraits::close(Value fd) noexcept {
  if (::close(fd) != 0) warn_in_destructor("close of a file descriptor", std::strerror(errno));
}

}  // namespace podium
