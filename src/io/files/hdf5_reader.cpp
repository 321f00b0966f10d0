#include "io/files/hdf5_reader.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "io/files/guarded_hdf5.hpp"
#include "io/files/hdf5_library.hpp"

namespace podium::io {
namespace {

constexpr uint64_t name_bytes_limit = 4096;
constexpr uint64_t text_bytes_limit = uint64_t{2} << 20;  // messages, attributes

// Both return false at the end of the socket.
bool send_all(int socket, const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::send(socket, at, bytes, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    bytes -= static_cast<size_t>(count);
  }
  return true;
}

bool receive_all(int socket, void* data, size_t bytes) {
  char* at = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::recv(socket, at, bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    bytes -= static_cast<size_t>(count);
  }
  return true;
}

// --- The child -----------------------------------------------------------------------------------

class Child {
 public:
  Child(int socket, std::filesystem::path path) : socket_(socket), path_(std::move(path)) {}

  // Answers until the socket ends.
  void serve() {
    Hdf5Request request;
    while (receive_all(socket_, &request, sizeof request) &&
           request.name_bytes <= name_bytes_limit) {
      std::string name(request.name_bytes, '\0');
      if (!receive_all(socket_, name.data(), name.size())) return;
      limit_cpu();
      if (!try_answer(request, name)) return;
    }
  }

 private:
  static void limit_cpu() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    const rlim_t end = seconds + 1 + GuardedHdf5File::cpu_limit_s;
    const rlimit limit{end, RLIM_INFINITY};
    setrlimit(RLIMIT_CPU, &limit);
  }

  bool try_answer(const Hdf5Request& request, const std::string& name) {
    try {
      return answer(request, name);
    } catch (const Error& error) {
      return refuse(error.code(), error.what());
    } catch (const std::bad_alloc&) {
      return refuse(ExitCode::bad_data, "the file asks for more memory than it may");
    } catch (const std::exception& error) {
      return refuse(ExitCode::internal, error.what());
    }
  }

  bool answer(const Hdf5Request& request, const std::string& name) {
    Hdf5Answer found;
    switch (request.question) {
      case Hdf5Question::open:
        file_.emplace(path_);
        return send(found, "");
      case Hdf5Question::find:
        found.detail = static_cast<uint32_t>(file_->find(name));
        return send(found, "");
      case Hdf5Question::dataset:
        return describe(name);
      case Hdf5Question::text_attribute: {
        const std::optional<std::string> text = file_->text_attribute(name);
        found.detail = text.has_value() ? 1 : 0;
        return send(found, text.value_or("").substr(0, text_bytes_limit));
      }
      case Hdf5Question::read:
        return request.numbers == Hdf5Numbers::uint8   ? read<uint8_t>(request)
               : request.numbers == Hdf5Numbers::int64 ? read<int64_t>(request)
                                                       : read<double>(request);
    }
    return false;
  }

  bool describe(const std::string& name) {
    datasets_.push_back(file_->dataset(name));
    const ForeignDataset& dataset = datasets_.back();
    Hdf5Answer found;
    found.detail = static_cast<uint32_t>(dataset.elements());
    found.dataset = datasets_.size() - 1;
    found.rank = dataset.shape().size();
    for (size_t axis = 0; axis < found.rank; ++axis) {
      found.shape.at(axis) = dataset.shape()[axis];
    }
    return send(found, "");
  }

  template <typename T>
  bool read(const Hdf5Request& request) {
    std::vector<T> values(request.values);
    datasets_.at(request.dataset).read(request.first, std::span<T>(values));
    Hdf5Answer found;
    found.data_bytes = values.size() * sizeof(T);
    return send(found, "") && send_all(socket_, values.data(), found.data_bytes);
  }

  bool refuse(ExitCode code, const std::string& message) {
    Hdf5Answer refusal;
    refusal.code = static_cast<int32_t>(code);
    return send(refusal, message.substr(0, text_bytes_limit));
  }

  bool send(Hdf5Answer answer, const std::string& text) {
    answer.text_bytes = text.size();
    return send_all(socket_, &answer, sizeof answer) && send_all(socket_, text.data(), text.size());
  }

  int socket_;
  std::filesystem::path path_;
  std::optional<ForeignHdf5File> file_;
  std::vector<ForeignDataset> datasets_;
};

// Leaves `socket`, and stderr that says nothing: neither a lock nor a connection of the parent may
// live on here, and what the C library says of a crash is told by the parent.
void close_others(int socket) {
  std::vector<int> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    open.push_back(std::atoi(entry.path().filename().c_str()));
  }
  for (const int descriptor : open) {
    if (descriptor != socket) ::close(descriptor);
  }
  for (int standard = 0; standard <= STDERR_FILENO; ++standard) {
    if (standard != socket) ::dup2(::open("/dev/null", O_RDWR), standard);
  }
}

// Memory for the file beyond what the process has; no core file, nor any other.
void limit_resources() {
  constexpr size_t data_field = 6;  // of /proc/self/statm, in pages
  uint64_t data_pages = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "r")) {
    std::array<unsigned long, 7> pages{};
    for (unsigned long& value : pages) {
      if (std::fscanf(file, "%lu", &value) != 1) break;
    }
    std::fclose(file);
    data_pages = pages[data_field - 1];
  }
  const rlim_t bytes = data_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) +
                       GuardedHdf5File::memory_limit_bytes;
  const rlimit memory{bytes, RLIM_INFINITY};
  setrlimit(RLIMIT_DATA, &memory);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_FSIZE, &none);
}

[[noreturn]] void run_child(int socket, const std::filesystem::path& path) {
  // A handler of the parent's has no business here.
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGXFSZ}) {
    std::signal(number, SIG_DFL);
  }
  try {
    close_others(socket);
    limit_resources();
    Child(socket, path).serve();
  } catch (...) {
    ::_exit(1);  // the parent tells
  }
  ::_exit(0);
}

}  // namespace

// --- The parent ----------------------------------------------------------------------------------

Hdf5Reader::Hdf5Reader(std::filesystem::path path) : path_(std::move(path)) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw io_error("cannot make a socket to read", path_.string(), errno);
  }
  socket_.reset(ends[0]);
  const FileDescriptor childs(ends[1]);
  // No other thread is within the library while it is copied.
  const hdf5::LibraryLock lock;
  child_ = ::fork();
  if (child_ == 0) {
    hdf5::renew_library_lock();
    run_child(childs.get(), path_);
  }
  if (child_ < 0) throw io_error("cannot start a process to read", path_.string(), errno);
}

Hdf5Reader::~Hdf5Reader() {
  if (child_ < 0) return;
  ::kill(child_, SIGKILL);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Hdf5Reader::throw_ended() const {
  throw data_error(
      "the HDF5 library cannot read this file: it crashed, worked on and on, or wants "
      "more than 1 GiB of memory",
      path_.string(), "the file is damaged or of another kind; make it again");
}

Hdf5Reader::Reply Hdf5Reader::ask(Hdf5Request request, const std::string& name,
                                  std::span<std::byte> data) {
  const int socket = socket_.get();
  request.name_bytes = name.size();
  Reply reply;
  Hdf5Answer& answer = reply.answer;
  if (!send_all(socket, &request, sizeof request) || !send_all(socket, name.data(), name.size()) ||
      !receive_all(socket, &answer, sizeof answer) || answer.text_bytes > text_bytes_limit) {
    throw_ended();
  }
  reply.text.resize(answer.text_bytes);
  if (!receive_all(socket, reply.text.data(), reply.text.size())) throw_ended();
  const auto code = static_cast<ExitCode>(answer.code);
  if (code == ExitCode::bad_data || code == ExitCode::io || code == ExitCode::internal) {
    throw Error(code, reply.text, "", "");
  }
  if (code != ExitCode::done || answer.data_bytes != data.size() ||
      !receive_all(socket, data.data(), data.size())) {
    throw_ended();
  }
  return reply;
}

}  // namespace podium::io
