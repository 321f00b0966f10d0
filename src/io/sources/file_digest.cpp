#include "io/sources/file_digest.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"

namespace podium::io {
namespace {

constexpr size_t buffer_bytes = size_t{1} << 20;

}  // namespace

void add_file(Xxh3Stream& digest, const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) {
    throw io_error("cannot open", path.string(), errno);
  }
  const uint64_t size = static_cast<uint64_t>(status.st_size);
  digest.update(std::as_bytes(std::span(&size, 1)));
  std::vector<std::byte> buffer(buffer_bytes);
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw io_error("cannot read", path.string(), errno);
    if (count == 0) return;
    digest.update({buffer.data(), static_cast<size_t>(count)});
  }
}

}  // namespace podium::io
