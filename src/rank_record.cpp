#include "rank_record.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/json_lines.hpp"
#include "core/last_words.hpp"
#include "core/text.hpp"
#include "core/trace.hpp"
#include "core/worker_log.hpp"
#include "io/files/atomic_file.hpp"
#include "version.hpp"
#include "workflow/job.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The first rank may wait for its folder.
constexpr comm::WaitPolicy patience{std::chrono::minutes(3), Backoff::Kind::idle};

int64_t now_ns() {
  return std::chrono::nanoseconds(SteadyClock::now().time_since_epoch()).count();
}

// Processes of which this is equal know each other by their numbers, and share the steady clock.
std::string process_space() {
  std::error_code error;
  return workflow::node_name() + " " + clock_domain() + " " +
         fs::read_symlink("/proc/self/ns/pid", error).string();
}

// As it was typed, nearly.
std::string command_line() {
  std::ifstream file("/proc/self/cmdline");
  std::string line;
  for (std::string word; std::getline(file, word, '\0');) line += (line.empty() ? "" : " ") + word;
  return line;
}

// What all ranks are to know of a job that begins, and the mark of it.
Json beginning(const RecordOf& what, const Stopwatch& started) {
  try {
    io::create_folder(log_folder(what.run_dir));
    io::write_volatile_text_file(job_mark(what.run_dir), what.job + "\n");
  } catch (const Error&) {
    // The log file will tell why; a job without a mark has no witness.
  }
  return {{"job", what.job},
          {"space", process_space()},
          {"started_ns", now_ns() - static_cast<int64_t>(started.seconds() * 1e9)}};
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

RankRecord::RankRecord(const comm::MpiEnvironment& mpi, std::shared_ptr<LogSink> next)
    : rank_(mpi.rank()),
      name_("rank " + std::to_string(mpi.rank())),
      file_(std::make_shared<LogFile>(std::move(next))) {}

void RankRecord::begin(comm::MpiEnvironment& mpi, const RecordOf& what, const Stopwatch& started) {
  const std::unique_ptr<comm::Communicator> group = mpi.world("record");
  group->set_policy(patience);
  const Json job = Json::parse(
      comm::broadcast_text(*group, rank_ == 0 ? dump(beginning(what, started)) : "", 0));
  const std::string space = process_space();
  order_.run_dir = fs::absolute(what.run_dir);
  order_.job = job.at("job");
  order_.node = workflow::node_name();
  order_.started_ns = job.at("space") == space
                          ? job.at("started_ns").get<int64_t>()
                          : now_ns() - static_cast<int64_t>(started.seconds() * 1e9);
  event_head_ = dump({{"event", "failed"},
                      {"job", order_.job},
                      {"rank", rank_},
                      {"role", what.roles},
                      {"node", order_.node}});
  event_head_.back() = ',';

  file_->open(log_folder(order_.run_dir), "rank-" + std::to_string(rank_),
              format("started: %s | %s of %d, %s | process %d on %s | Podium %s",
                     command_line().c_str(), name_.c_str(), mpi.size(), what.roles.c_str(),
                     static_cast<int>(::getpid()), order_.node.c_str(), version_number().c_str()));
  ::setenv(worker_logs_variable, log_folder(order_.run_dir).c_str(), 1);
  say_last_words({name_, order_.run_dir / "metrics.jsonl", event_head_, order_.started_ns}, file_);

  const Json self = {
      {"rank", rank_}, {"process", ::getpid()}, {"space", space}, {"roles", what.roles}};
  const std::vector<std::string> all = comm::gather_texts(*group, dump(self), 0);
  Json table = Json::array();
  for (const std::string& text : all) table.push_back(Json::parse(text));
  start_witness(Json::parse(comm::broadcast_text(*group, dump(table), 0)), space);
}

// On the first rank of each node.
void RankRecord::start_witness(const Json& ranks, const std::string& space) {
  std::set<std::string> before;  // nodes of lower ranks
  for (const Json& entry : ranks) {
    if (entry.at("space") == space) {
      order_.ranks.push_back({entry.at("rank"), entry.at("process"), entry.at("roles")});
    } else if (order_.ranks.empty()) {
      before.insert(entry.at("space").get<std::string>());
    }
  }
  if (order_.ranks.front().rank != rank_) return;
  order_.turn = static_cast<int>(before.size());
  if (ranks.size() > 1) order_.launcher = ::getppid();
  try {
    witness_ = Witness(order_);
  } catch (const Error& error) {
    file_->line(LogLevel::warning, name_,
                std::string("if this job dies, nobody will report it: ") + error.what());
  }
}

void RankRecord::keep_error(const std::string& text) {
  file_->keep(LogLevel::error, name_, text);
}

void RankRecord::failed(const std::string& text, ExitCode code) noexcept {
  if (!begun()) return;
  try {
    Json event = Json::parse(event_head_.substr(0, event_head_.size() - 1) + "}");
    event["exit_code"] = static_cast<int>(code);
    event["text"] = text;
    event["t_s"] = static_cast<double>(now_ns() - order_.started_ns) * 1e-9;
    JsonLines(order_.run_dir / "metrics.jsonl", Log()).write(event);
  } catch (const std::exception&) {
    return;  // the folder takes no more; the error line is on its way
  }
}

void RankRecord::end() {
  if (!begun()) return;
  file_->keep(LogLevel::info, name_, "ended");
  witness_.dismiss();
}

}  // namespace podium
