#include "core/error.hpp"

#include <cerrno>
#include <cstring>

namespace podium {
namespace {

std::string one_line(const std::string& what, const std::string& where, const std::string& remedy) {
  std::string line = what;
  if (!where.empty()) line += " (" + where + ")";
  if (!remedy.empty()) line += "; " + remedy;
  return line;
}

std::string remedy_for(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free some space there or choose another folder";
    case EACCES:
    case EPERM:
      return "change its permissions or choose another path";
    case EROFS:
      return "the file system is read-only; choose another path";
    case ENOENT:
      return "check the path";
    case ENOTDIR:
    case EISDIR:
      return "a file stands where a folder is expected, or the other way round";
    default:
      return "check the file system";
  }
}

}  // namespace

Error::Error(ExitCode code, std::string what, std::string where, std::string remedy)
    : std::runtime_error(one_line(what, where, remedy)), code_(code) {}

Error usage_error(std::string what, std::string where, std::string remedy) {
  return {ExitCode::usage, std::move(what), std::move(where), std::move(remedy)};
}

Error data_error(std::string what, std::string where, std::string remedy) {
  return {ExitCode::bad_data, std::move(what), std::move(where), std::move(remedy)};
}

Error unavailable_error(std::string what, std::string where, std::string remedy) {
  return {ExitCode::unavailable, std::move(what), std::move(where), std::move(remedy)};
}

Error internal_error(std::string what, std::string where, std::string remedy) {
  return {ExitCode::internal, std::move(what), std::move(where), std::move(remedy)};
}

Error io_error(std::string what, std::string path, int errno_value) {
  return {ExitCode::io, what + ": " + std::strerror(errno_value), std::move(path),
          remedy_for(errno_value)};
}

void require(bool condition, const char* what, const char* where) {
  if (!condition) throw internal_error(what, where, "please report this");
}

}  // namespace podium
