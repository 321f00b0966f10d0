#include "core/trace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.hpp"
#include "core/json_lines.hpp"
#include "core/trace_lane.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds write_interval{500};
constexpr size_t chunk_spans = 512;

// "rank-3.jsonl"
std::string file_name(const std::string& process) {
  std::string name;
  for (const char c : process) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
  return name + ".jsonl";
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

int64_t wall_now_ns() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

Json head_of(const TraceProcess& process) {
  return {{"process", process.name}, {"rank", process.rank},    {"roles", process.roles},
          {"node", host_name()},     {"clock", clock_domain()}, {"pid", ::getpid()},
          {"at_ns", trace_now_ns()}, {"wall_ns", wall_now_ns()}};
}

// {"lane": 0, "names": ["forward", "backward"], "spans": [[0, begin_ns, length_ns], ...]}
Json chunk_of(size_t lane, std::span<const Span> spans) {
  std::vector<const char*> names;
  Json list = Json::array();
  for (const Span& span : spans) {
    const auto known = std::ranges::find(names, span.name);
    const auto index = known - names.begin();
    if (known == names.end()) names.push_back(span.name);
    list.push_back({index, span.begin_ns, span.end_ns - span.begin_ns});
  }
  return {{"lane", lane}, {"names", names}, {"spans", std::move(list)}};
}

}  // namespace

std::string clock_domain() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  return boot.empty() ? host_name() : boot;
}

void Lane::record(const Span& span) const noexcept {
  buffer_->add(span);
}

std::string TraceTicket::text() const {
  if (folder.empty()) return "";
  return Json{{"folder", folder.string()}, {"spans", spans}}.dump(-1, ' ', false,
                                                                  Json::error_handler_t::replace);
}

TraceTicket TraceTicket::parse(const std::string& text) {
  if (text.empty()) return {};
  const Json json = Json::parse(text);
  return {json.at("folder").get<std::string>(), json.at("spans")};
}

// The file of a process, its lanes, and the thread that brings one to the other.
class Tracer::File {
 public:
  File(const std::filesystem::path& path, const TraceProcess& process, size_t most_spans, Log log)
      : lines_(path, std::move(log)), most_spans_(most_spans) {
    lines_.write(head_of(process));
    writer_ = std::thread([this] { run(); });
  }

  // Once, and last.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_->notify_one();
    writer_.join();
    write_lanes();
    write_left_out();
  }

  Lane lane(const std::string& name) {
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<LaneBuffer>& lane : lanes_) {
      if (lane->name() == name && lane.use_count() == 1) return Lane(lane);
    }
    lanes_.push_back(std::make_shared<LaneBuffer>(name, lanes_.size(), most_spans_, wake_));
    lines_.write({{"lane", lanes_.size() - 1}, {"name", name}});
    return Lane(lanes_.back());
  }

  void write(const Json& line) { lines_.write(line); }

  // What cannot be written now stays where it is.
  void write_all() noexcept {
    try {
      write_lanes();
    } catch (const std::exception& error) {
      warn_in_destructor("writing the trace", error.what());
    }
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      wake_->wait_for(lock, write_interval);
      lock.unlock();
      write_all();
      lock.lock();
    }
  }

  // One thread at a time, whoever calls.
  void write_lanes() {
    const std::lock_guard turn(writing_);
    for (size_t i = 0;; ++i) {
      const std::shared_ptr<LaneBuffer> lane = lane_at(i);
      if (lane == nullptr) return;
      write_lane(*lane);
    }
  }

  std::shared_ptr<LaneBuffer> lane_at(size_t index) {
    const std::lock_guard lock(mutex_);
    return index < lanes_.size() ? lanes_[index] : nullptr;
  }

  // As much as was there when it began, so that a busy lane does not hold up the others.
  void write_lane(LaneBuffer& lane) {
    for (size_t left = LaneBuffer::capacity / chunk_spans; left > 0; --left) {
      const size_t count = lane.take(chunk_);
      if (count == 0) return;
      lines_.write(chunk_of(lane.number(), std::span(chunk_).first(count)));
    }
  }

  void write_left_out() {
    for (const std::shared_ptr<LaneBuffer>& lane : lanes_) {
      if (lane->left_out() == 0) continue;
      lines_.write({{"lane", lane->number()}, {"left_out", lane->left_out()}});
    }
  }

  JsonLines lines_;
  size_t most_spans_;
  std::shared_ptr<std::condition_variable> wake_ = std::make_shared<std::condition_variable>();
  std::mutex mutex_;  // of lanes_ and ending_
  std::vector<std::shared_ptr<LaneBuffer>> lanes_;
  bool ending_ = false;
  std::mutex writing_;
  std::vector<Span> chunk_ = std::vector<Span>(chunk_spans);  // of who writes
  std::thread writer_;
};

Tracer::Tracer() = default;

Tracer::Tracer(const TraceTicket& ticket, const TraceProcess& process, Log log) {
  if (ticket.folder.empty() || ticket.spans == 0) return;
  const std::filesystem::path path = ticket.folder / file_name(process.name);
  try {
    file_ = std::make_unique<File>(path, process, ticket.spans, log);
    ticket_ = ticket;
  } catch (const std::exception& error) {
    log.warning(std::string("there is no trace of ") + process.name + ": " + error.what());
  }
}

Tracer::~Tracer() {
  close();
}

void Tracer::close() noexcept {
  try {
    if (const auto file = std::move(file_)) file->end();
  } catch (const std::exception& error) {
    warn_in_destructor("writing the trace", error.what());
  }
}

Lane Tracer::lane(const std::string& name) {
  return file_ ? file_->lane(name) : Lane();
}

void Tracer::tell_roles(const std::string& roles) {
  if (file_) file_->write({{"roles", roles}});
}

void Tracer::tell_clock(const ClockOffset& offset) {
  if (!file_) return;
  file_->write(
      {{"at_ns", offset.at_ns}, {"offset_ns", offset.offset_ns}, {"error_ns", offset.error_ns}});
}

void Tracer::flush() noexcept {
  if (file_) file_->write_all();
}

}  // namespace podium
