#include "ckpt/node_memory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <string>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::ckpt {
namespace {

namespace fs = std::filesystem;

constexpr const char* name_file = "run_dir";

fs::path user_folder(const fs::path& root) {
  return root / ("podium-" + std::to_string(geteuid()));
}

std::string whole_path(const fs::path& run_dir) {
  return fs::weakly_canonical(fs::absolute(run_dir)).string();
}

fs::path folder_of(const fs::path& root, const std::string& run_dir) {
  return user_folder(root) / to_hex(xxh3(std::as_bytes(std::span(run_dir))));
}

// Everybody may write into /dev/shm: another user may have made the name first.
void make_private(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    throw io_error("cannot create the folder", folder.string(), errno);
  }
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0) {
    throw io_error("cannot stat", folder.string(), errno);
  }
  if (S_ISDIR(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 0077) == 0) return;
  throw Error(ExitCode::io, "not a folder that only this user may enter", folder.string(),
              "remove it, or set --ckpt.memory=never");
}

void remove_stale(const fs::path& user) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(user, error)) {
    std::error_code ignored;
    const fs::path name = entry.path() / name_file;
    if (!fs::is_regular_file(name, ignored)) continue;
    try {
      if (fs::exists(io::read_text_file(name), ignored)) continue;
      fs::remove_all(entry.path(), ignored);  // another cleaner may be faster
    } catch (const Error&) {
      continue;
    }
  }
}

}  // namespace

fs::path node_memory_root() {
  return "/dev/shm";
}

fs::path open_node_memory(const fs::path& root, const fs::path& run_dir) {
  make_private(user_folder(root));
  remove_stale(user_folder(root));
  const std::string name = whole_path(run_dir);
  const fs::path folder = folder_of(root, name);
  make_private(folder);
  io::write_volatile_text_file(folder / name_file, name);
  return folder;
}

void leave_node_memory(const fs::path& root, const fs::path& run_dir) noexcept {
  try {
    const fs::path folder = folder_of(root, whole_path(run_dir));
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().filename() != name_file) return;
    }
    if (error) return;
    fs::remove_all(folder, error);
  } catch (const std::exception&) {
    return;  // whoever comes next removes it
  }
}

}  // namespace podium::ckpt
