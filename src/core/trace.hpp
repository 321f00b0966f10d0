// Trace: what was done when, as spans, for people to look at.
//
// How a room tells what it does. A process has one Tracer, which may be off. Each thread asks it
// for a Lane of its own, by a name that people read in the viewer, keeps it, and opens a Timed
// around what it does:
//
//   const Lane lane = tracer.lane("train");
//   for (...) {
//     const Timed span(lane, spans::forward);  // ends with its block
//     ...
//   }
//
// A Lane is a small value to copy; an empty one is off and costs one branch. One thread at a time
// records into a lane, and its spans lie within each other or beside each other, never across: what
// crosses belongs into another lane. Nothing is allocated, locked or written while recording: a
// thread of the Tracer appends what has been recorded to the file of the process about twice a
// second, so that a process that dies leaves its spans. Names are those of span_names.hpp. Times
// are of the steady clock, which all processes of a machine share; trace_merge.hpp brings the files
// of a job onto one clock.
//
// A SpanRecorder keeps spans for its thread alone, without a file.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/clock_offset.hpp"
#include "core/log.hpp"

namespace podium {

struct Span {
  const char* name = "";  // a constant of the program
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

inline int64_t trace_now_ns() {
  return std::chrono::nanoseconds(SteadyClock::now().time_since_epoch()).count();
}

class SpanRecorder {
 public:
  // Keeps the first `capacity` spans; 0 records nothing.
  explicit SpanRecorder(size_t capacity = 0) { spans_.reserve(capacity); }

  void add(const char* name, int64_t begin_ns) {
    if (spans_.size() < spans_.capacity()) spans_.push_back({name, begin_ns, trace_now_ns()});
  }
  void clear() { spans_.clear(); }
  std::span<const Span> spans() const { return spans_; }

 private:
  std::vector<Span> spans_;
};

class LaneBuffer;  // trace_lane.hpp

class Lane {
 public:
  Lane() = default;  // off
  explicit Lane(std::shared_ptr<LaneBuffer> buffer) : buffer_(std::move(buffer)) {}

  explicit operator bool() const { return buffer_ != nullptr; }
  // Does nothing when off, and nothing but count when the lane is full.
  void add(const char* name, int64_t begin_ns, int64_t end_ns) const noexcept {
    if (buffer_) record({name, begin_ns, end_ns});
  }

 private:
  void record(const Span& span) const noexcept;

  std::shared_ptr<LaneBuffer> buffer_;
};

// A span from here to the end of the block.
class Timed {
 public:
  Timed(const Lane& lane, const char* name)
      : lane_(lane), name_(name), begin_ns_(lane ? trace_now_ns() : 0) {}
  Timed(Lane&&, const char*) = delete;  // the lane outlives the span
  ~Timed() {
    if (lane_) lane_.add(name_, begin_ns_, trace_now_ns());
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  const Lane& lane_;
  const char* name_;
  int64_t begin_ns_;
};

// Which process a trace file is of.
struct TraceProcess {
  std::string name;   // in the job: "rank 3", "replica 0 of rank 3"; the file is called after it
  int rank = 0;       // its own, or that of the rank that started it
  std::string roles;  // as far as known: "train", "ingest, serve"
};

// Where and how the processes of a job trace. A rank gives it to the workers that it starts, as
// text in what it tells them anyway.
struct TraceTicket {
  std::filesystem::path folder;  // of the job, for all of its processes; empty: off
  size_t spans = 0;              // kept of a lane

  std::string text() const;
  static TraceTicket parse(const std::string& text);  // "" is off
};

class Tracer {
 public:
  Tracer();  // off
  // Opens the file of this process. A folder that cannot be written is warned of, once, and the
  // tracer is off then; so it ends where a disk is full.
  Tracer(const TraceTicket& ticket, const TraceProcess& process, Log log);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  explicit operator bool() const { return file_ != nullptr; }
  // A lane of that name which nobody holds any more, or else a new one; empty when off.
  // Thread-safe.
  Lane lane(const std::string& name);

  void tell_roles(const std::string& roles);
  void tell_clock(const ClockOffset& offset);
  // Appends what has been recorded so far. Thread-safe; for a process about to end without
  // unwinding.
  void flush() noexcept;

  // Writes what is recorded, and ends the file: from now on the tracer is off. Lanes may go on;
  // what they record is lost. The destructor does the same.
  void close() noexcept;

  // For workers of this process; off when this is.
  const TraceTicket& ticket() const { return ticket_; }

 private:
  class File;
  TraceTicket ticket_;
  std::unique_ptr<File> file_;
};

// This machine since it was started: processes of which this is equal share the steady clock.
std::string clock_domain();

}  // namespace podium
