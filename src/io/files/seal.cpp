#include "io/files/seal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::io {
namespace {

constexpr size_t buffer_bytes = size_t{1} << 20;
constexpr std::string_view first_line = "podium-seal 1\n";
using Block = std::array<char, seal_bytes>;

Block format_seal(const Seal& seal) {
  Block block{};
  std::snprintf(block.data(), block.size(),
                "podium-seal 1\nschema %s\nversion %d\nbytes %" PRIu64 "\nxxh3 %016" PRIx64 "\n",
                seal.schema.c_str(), seal.version, seal.bytes, seal.xxh3);
  return block;
}

Error not_sealed(const std::filesystem::path& path) {
  return data_error("not a sealed file, or its first 512 bytes are damaged", path.string(),
                    "check the path; a damaged file must be made again");
}

// Of a file with fewer bytes than a seal: a sealed one that was cut, or one of another kind.
Error too_short(std::string_view bytes, const std::filesystem::path& path, const Schema& schema) {
  if (!first_line.starts_with(bytes.substr(0, first_line.size()))) return not_sealed(path);
  return data_error("truncated: shorter than its 512-byte seal", path.string(), schema.remedy);
}

// Throws data_error unless `block` is exactly a formatted seal, padding included.
Seal parse_seal(const Block& block, const std::filesystem::path& path) {
  std::array<char, 64> schema{};
  Seal seal;
  Block text = block;
  text.back() = '\0';
  const int fields = std::sscanf(
      text.data(), "podium-seal 1\nschema %63s\nversion %d\nbytes %" SCNu64 "\nxxh3 %16" SCNx64,
      schema.data(), &seal.version, &seal.bytes, &seal.xxh3);
  seal.schema = schema.data();
  if (fields != 4 || format_seal(seal) != block) {
    throw not_sealed(path);
  }
  return seal;
}

size_t read_some(int fd, void* data, size_t bytes, const std::filesystem::path& path) {
  for (;;) {
    const ssize_t count = ::read(fd, data, bytes);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) throw io_error("cannot read", path.string(), errno);
  }
}

// The digest of everything after the seal, and the size of the whole file.
struct Content {
  uint64_t bytes = 0;
  uint64_t xxh3 = 0;
};

Content digest_content(int fd, const std::filesystem::path& path) {
  if (lseek(fd, seal_bytes, SEEK_SET) < 0) throw io_error("cannot seek", path.string(), errno);
  std::vector<std::byte> buffer(buffer_bytes);
  Xxh3Stream stream;
  Content content{seal_bytes, 0};
  for (;;) {
    const size_t count = read_some(fd, buffer.data(), buffer.size(), path);
    if (count == 0) break;
    stream.update({buffer.data(), count});
    content.bytes += count;
  }
  content.xxh3 = stream.digest();
  return content;
}

FileDescriptor open_to_read(const std::filesystem::path& path) {
  // Without O_NONBLOCK a pipe in the place of a file would wait for its writer.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) throw io_error("cannot open", path.string(), errno);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) throw io_error("cannot stat", path.string(), errno);
  if (!S_ISREG(status.st_mode)) {
    throw data_error("not a regular file", path.string(), "remove it");
  }
  return file;
}

}  // namespace

Seal seal_and_publish(TemporaryFile& file, const Schema& schema, FolderSync folder) {
  const Content content = digest_content(file.descriptor(), file.target());
  Seal seal{schema.name, schema.version, content.bytes, content.xxh3};
  const Block block = format_seal(seal);
  if (lseek(file.descriptor(), 0, SEEK_SET) < 0) {
    throw io_error("cannot seek", file.target().string(), errno);
  }
  write_all(file.descriptor(), {block.data(), block.size()}, file.target());
  file.publish(folder);
  return seal;
}

Seal read_seal(const std::filesystem::path& path, const Schema& schema) {
  const FileDescriptor file = open_to_read(path);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) throw io_error("cannot stat", path.string(), errno);
  Block block{};
  for (size_t have = 0; have < block.size();) {
    const size_t count = read_some(file.get(), block.data() + have, block.size() - have, path);
    if (count == 0) throw too_short({block.data(), have}, path, schema);
    have += count;
  }
  Seal seal = parse_seal(block, path);
  if (seal.schema != schema.name) {
    throw data_error("this is a '" + seal.schema + "' file where '" + schema.name + "' is expected",
                     path.string(), "check the path");
  }
  if (seal.version < 1 || seal.version > schema.version) {
    throw data_error("written in format version " + std::to_string(seal.version) +
                         "; this program reads up to " + std::to_string(schema.version),
                     path.string(), "use a newer Podium");
  }
  if (seal.bytes != static_cast<uint64_t>(status.st_size)) {
    throw data_error("truncated or extended: sealed at " + std::to_string(seal.bytes) +
                         " bytes, found " + std::to_string(status.st_size),
                     path.string(), schema.remedy);
  }
  return seal;
}

bool content_matches(const std::filesystem::path& path, const Seal& seal) {
  const FileDescriptor file = open_to_read(path);
  const Content content = digest_content(file.get(), path);
  return content.bytes == seal.bytes && content.xxh3 == seal.xxh3;
}

Seal verify_seal(const std::filesystem::path& path, const Schema& schema) {
  Seal seal = read_seal(path, schema);
  if (!content_matches(path, seal)) {
    throw data_error("damaged: its content does not match the checksum it was sealed with",
                     path.string(), schema.remedy);
  }
  return seal;
}

}  // namespace podium::io
