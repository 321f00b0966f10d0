#include "ckpt/node_memory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <random>
#include <span>
#include <string>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/file_lock.hpp"

namespace podium::ckpt {
namespace {

namespace fs = std::filesystem;

constexpr const char* name_file = "run_dir";
constexpr const char* mark_file = "mark";
constexpr std::chrono::seconds lock_timeout{10};

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

// Empty when it is not there.
std::string text_of(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) ? io::read_text_file(file) : "";
}

void remove_stale(const fs::path& user) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(user, error)) {
    std::error_code ignored;
    const fs::path name = entry.path() / name_file;
    if (!fs::is_regular_file(name, ignored)) continue;
    try {
      const std::string text = io::read_text_file(name);
      if (fs::exists(text.substr(0, text.find('\n')), ignored)) continue;
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

void mark_run(const fs::path& run_dir) {
  const fs::path file = run_dir / mark_file;
  if (!text_of(file).empty()) return;
  std::random_device device;
  const auto word = [&] { return to_hex((uint64_t{device()} << 32) | device()); };
  io::write_text_file(file, word() + word() + "\n");
}

fs::path open_node_memory(const fs::path& root, const fs::path& run_dir) {
  make_private(user_folder(root));
  const io::FileLock lock(user_folder(root) / "lock", lock_timeout);
  remove_stale(user_folder(root));
  const std::string path = whole_path(run_dir);
  const std::string name = path + "\n" + text_of(run_dir / mark_file);
  const fs::path folder = folder_of(root, path);
  make_private(folder);
  if (text_of(folder / name_file) == name) return folder;
  for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path());
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
