#include "serve/http/token.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/hash.hpp"

namespace podium::serve {
namespace {

constexpr std::string_view scheme = "bearer ";
constexpr size_t fewest_letters = 16;
constexpr size_t most_letters = 4096;

std::string new_token() {
  std::array<uint64_t, 4> bits{};
  if (::getrandom(bits.data(), sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    throw io_error("no random bits", "getrandom", errno);
  }
  std::string token;
  for (const uint64_t part : bits) token += to_hex(part);
  return token;
}

void write_all(const FileDescriptor& file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno != EINTR) throw io_error("cannot write the token", path, errno);
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.get()) != 0) throw io_error("cannot write the token", path, errno);
}

// Makes the file unless another rank was faster: whole, or not at all.
void make_file(const std::filesystem::path& path) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (error) throw io_error("cannot create the folder of the token", path.string(), error.value());
  std::string fresh = path.string() + ".XXXXXX";
  const FileDescriptor file(::mkostemp(fresh.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) throw io_error("cannot write the token", path.string(), errno);
  try {
    write_all(file, new_token() + "\n", path.string());
  } catch (...) {
    ::unlink(fresh.c_str());
    throw;
  }
  const int linked = ::link(fresh.c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(fresh.c_str());
  if (linked != 0 && linked != EEXIST) {
    throw io_error("cannot write the token", path.string(), linked);
  }
}

Error not_a_token(const std::filesystem::path& path, const std::string& why) {
  return usage_error(why, path.string(), "remove it for a new one, or name another file");
}

bool is_letter(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 ||
         std::string_view("-._~+/=").find(letter) != std::string_view::npos;
}

}  // namespace

std::string take_token(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    if (std::filesystem::is_symlink(path)) throw not_a_token(path, "this link leads nowhere");
    make_file(path);
  }
  return read_token(path);
}

std::string read_token(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) throw io_error("cannot read the token", path.string(), errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    throw io_error("cannot read the token", path.string(), errno);
  }
  if (!S_ISREG(status.st_mode)) throw not_a_token(path, "this is not a regular file");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw not_a_token(path, "others may read or write the token: chmod 600 makes it a secret");
  }
  std::string token(most_letters + 1, '\0');
  const ssize_t got = ::read(file.get(), token.data(), token.size());
  if (got < 0) throw io_error("cannot read the token", path.string(), errno);
  token.resize(static_cast<size_t>(got));
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0) {
    token.pop_back();
  }
  if (token.size() < fewest_letters || token.size() > most_letters ||
      !std::ranges::all_of(token, is_letter)) {
    throw not_a_token(path, "this is no token: one line of " + std::to_string(fewest_letters) +
                                " letters and digits or more");
  }
  return token;
}

bool shows_token(std::string_view authorization, std::string_view token) {
  if (authorization.size() != scheme.size() + token.size()) return false;
  const auto equal = [](char ours, char theirs) {
    return std::tolower(static_cast<unsigned char>(theirs)) == ours;
  };
  if (!std::equal(scheme.begin(), scheme.end(), authorization.begin(), equal)) return false;
  authorization.remove_prefix(scheme.size());
  return CRYPTO_memcmp(authorization.data(), token.data(), token.size()) == 0;
}

}  // namespace podium::serve
