#include "io/sources/image_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "io/sources/jpeg_decoder.hpp"
#include "io/sources/png_decoder.hpp"

namespace podium::io {
namespace {

constexpr std::array<uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<uint8_t, 3> jpeg_signature{0xff, 0xd8, 0xff};

template <size_t N>
bool starts_with(std::span<const std::byte> bytes, const std::array<uint8_t, N>& signature) {
  return bytes.size() >= N && std::memcmp(bytes.data(), signature.data(), N) == 0;
}

std::vector<uint8_t> read_whole(const std::filesystem::path& path) {
  // Without O_NONBLOCK a pipe of that name would hold the open up for ever.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) {
    throw io_error("cannot open the image", path.string(), errno);
  }
  const auto bytes = static_cast<uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || bytes > image_file_bytes_limit) {
    throw data_error("an image is a file of at most 256 MiB", path.string(), "remove it");
  }
  std::vector<uint8_t> content(bytes);
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = ::read(file.get(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw io_error("cannot read the image", path.string(), errno);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  content.resize(done);
  return content;
}

}  // namespace

bool is_image(std::span<const std::byte> bytes) {
  return starts_with(bytes, png_signature) || starts_with(bytes, jpeg_signature);
}

Image read_image(const std::filesystem::path& path) {
  return decode_image(read_whole(path), path.string());
}

Image decode_image(std::span<const uint8_t> file, const std::string& where, uint64_t most_bytes) {
  if (starts_with(std::as_bytes(file), png_signature)) return decode_png(file, where, most_bytes);
  if (starts_with(std::as_bytes(file), jpeg_signature)) return decode_jpeg(file, where, most_bytes);
  throw data_error("neither a PNG nor a JPEG image", where, "convert or remove it");
}

void check_image_size(const ImageShape& shape, const std::string& where, uint64_t most_bytes) {
  const bool ok = shape.height > 0 && shape.width > 0 && shape.height <= image_side_limit &&
                  shape.width <= image_side_limit && shape.bytes() <= most_bytes;
  if (ok) return;
  throw data_error("an image of " + shape_text(shape) + " pixels: each side has 1 to " +
                       std::to_string(image_side_limit) + ", and all of it at most " +
                       std::to_string(most_bytes >> 20) + " MiB",
                   where, "scale or remove it");
}

void check_image_content(uint64_t pixels, uint64_t pixels_per_byte, uint64_t file_bytes,
                         const std::string& where) {
  if (pixels / pixels_per_byte <= file_bytes) return;
  throw data_error("the header of the image promises more pixels than " +
                       std::to_string(file_bytes) + " bytes can hold",
                   where, "replace or remove it");
}

}  // namespace podium::io
