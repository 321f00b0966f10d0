#include "serve/http/access_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/text.hpp"

namespace podium::serve {
namespace {

constexpr auto flush_every = std::chrono::milliseconds(200);
constexpr size_t most_waiting_bytes = size_t{8} << 20;

template <typename Number>
void put_number(std::string* line, const char* key, Number value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  line->append(key).append(digits.data(), end);
}

// Whatever a client sent: bytes outside printable ASCII are written as \u00XX.
void put_text(std::string* line, const char* key, std::string_view text) {
  static constexpr std::string_view hex = "0123456789abcdef";
  line->append(key).push_back('"');
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte == '"' || byte == '\\') {
      line->push_back('\\');
      line->push_back(letter);
    } else if (byte < 0x20 || byte > 0x7e) {
      line->append("\\u00");
      line->push_back(hex[byte >> 4]);
      line->push_back(hex[byte & 15]);
    } else {
      line->push_back(letter);
    }
  }
  line->push_back('"');
}

// As 2026-01-31T12:00:00.123Z.
std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 24> day{};
  std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return format("%s.%03dZ", day.data(), static_cast<int>(ms));
}

}  // namespace

std::string to_line(const Access& access) {
  std::string line;
  line.reserve(256 + access.path.size());
  put_text(&line, R"("client":)", access.client);
  put_text(&line, R"(,"method":)", access.method);
  put_text(&line, R"(,"path":)", access.path);
  put_number(&line, R"(,"status":)", access.status);
  put_number(&line, R"(,"request_bytes":)", access.request_bytes);
  put_number(&line, R"(,"bytes":)", access.bytes);
  put_number(&line, R"(,"ms":)", std::round(access.milliseconds * 1e3) / 1e3);
  if (!access.replica.empty()) put_text(&line, R"(,"replica":)", access.replica);
  if (access.version != 0) put_number(&line, R"(,"version":)", access.version);
  if (!access.id.empty()) put_text(&line, R"(,"id":)", access.id);
  line.append("}\n");
  return line;
}

class AccessLog::Writer {
 public:
  Writer(std::string path, const Log& log) : path_(std::move(path)), log_(log) {
    if (!open()) throw io_error("cannot write the access log", path_, errno);
    thread_ = std::thread([this] { run(); });
  }

  ~Writer() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void append(const std::string& line) {
    const std::string time = now_text();
    const std::lock_guard lock(mutex_);
    if (waiting_.size() > most_waiting_bytes) {
      ++lost_;
      return;
    }
    if (waiting_.empty()) wake_.notify_one();
    waiting_.append(R"({"time":")").append(time).append("\",").append(line);
  }

 private:
  bool open() {
    file_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    return file_.get() >= 0;
  }

  // Sleeps while nothing waits.
  void run() {
    std::string lines;
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      wake_.wait_for(lock, flush_every, [this] { return ending_; });
      const bool last = ending_;
      const uint64_t lost = lost_;
      lines.swap(waiting_);
      lock.unlock();
      tell_lost(lost);
      write(lines);
      lines.clear();
      lock.lock();
      if (last && waiting_.empty()) return;
    }
  }

  void write(std::string_view lines) {
    if (was_moved()) open();
    while (!lines.empty() && file_.get() >= 0) {
      const ssize_t written = ::write(file_.get(), lines.data(), lines.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) break;
      lines.remove_prefix(static_cast<size_t>(written));
    }
    if (lines.empty()) {
      failing_ = false;
    } else if (!std::exchange(failing_, true)) {
      log_.warning("the access log " + path_ +
                   " cannot be written, lines are lost: " + std::strerror(errno));
    }
  }

  bool was_moved() const {
    struct stat here {
    }, open_one{};
    if (file_.get() < 0 || ::stat(path_.c_str(), &here) != 0) return true;
    return ::fstat(file_.get(), &open_one) != 0 || here.st_ino != open_one.st_ino ||
           here.st_dev != open_one.st_dev;
  }

  void tell_lost(uint64_t lost) {
    if (lost == told_lost_) return;
    if (told_lost_ == 0) log_.warning("the access log is too slow, lines are lost");
    told_lost_ = lost;
  }

  const std::string path_;
  const Log log_;
  FileDescriptor file_;     // of the thread, once it runs
  bool failing_ = false;    // of the thread
  uint64_t told_lost_ = 0;  // of the thread
  std::mutex mutex_;        // guards what follows
  std::condition_variable wake_;
  std::string waiting_;
  uint64_t lost_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

AccessLog::AccessLog(const std::string& path, const Log& log)
    : writer_(std::make_unique<Writer>(path, log)) {}
AccessLog::~AccessLog() = default;

void AccessLog::record(const Access& access) {
  writer_->append(to_line(access));
}

}  // namespace podium::serve
