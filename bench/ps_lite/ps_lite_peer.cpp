// ps-lite doing what `podium bench ps` does: one worker, one server that adds what it gets.
//
//     ps_lite_peer SECONDS OPERATION,KIND,BYTES,IN_FLIGHT ...
//
// bench/make_ps_lite.sh builds it, bench/ps_lite_peer.py runs it in its three roles. The worker
// prints one JSON object with a row for each work. SERVER_PID names the server's process, whose
// processor time counts with the worker's.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "ps/ps.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t sparse_keys = 100'000;

double cpu_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double cpu_s() {
  clockid_t server{};
  const char* pid = std::getenv("SERVER_PID");
  double all = cpu_of(CLOCK_PROCESS_CPUTIME_ID);
  if (pid != nullptr && clock_getcpuclockid(std::atoi(pid), &server) == 0) all += cpu_of(server);
  return all;
}

// One key with many values: a vector, added up; many keys with one value each: a hash table, as
// ps-lite's own KVServerDefaultHandle has it.
struct Handler {
  std::unordered_map<ps::Key, ps::SArray<float>> vectors;
  std::unordered_map<ps::Key, float> values;

  void operator()(const ps::KVMeta& meta, const ps::KVPairs<float>& data,
                  ps::KVServer<float>* server) {
    ps::KVPairs<float> answer;
    if (data.keys.size() == 1) {
      dense(meta, data, answer);
    } else {
      sparse(meta, data, answer);
    }
    server->Response(meta, answer);
  }

  void dense(const ps::KVMeta& meta, const ps::KVPairs<float>& data, ps::KVPairs<float>& answer) {
    ps::SArray<float>& vector = vectors[data.keys[0]];
    if (!meta.push) {
      answer.keys = data.keys;
      answer.vals = vector;
      answer.lens = ps::SArray<int>(1, static_cast<int>(vector.size()));
      return;
    }
    if (vector.size() == 0) vector.resize(data.vals.size(), 0);
    float* to = vector.data();
    const float* from = data.vals.data();
    for (size_t i = 0; i < data.vals.size(); ++i) to[i] += from[i];
  }

  void sparse(const ps::KVMeta& meta, const ps::KVPairs<float>& data, ps::KVPairs<float>& answer) {
    if (!meta.push) {
      answer.keys = data.keys;
      answer.vals.resize(data.keys.size());
    }
    for (size_t i = 0; i < data.keys.size(); ++i) {
      float& value = values[data.keys[i]];
      if (meta.push) {
        value += data.vals[i];
      } else {
        answer.vals[i] = value;
      }
    }
  }
};

struct Work {
  std::string operation;
  bool sparse = false;
  size_t bytes = 0;
  size_t in_flight = 1;
};

Work parse(const std::string& text) {
  std::istringstream fields(text);
  std::string kind, bytes, in_flight;
  Work work;
  std::getline(fields, work.operation, ',');
  std::getline(fields, kind, ',');
  std::getline(fields, bytes, ',');
  std::getline(fields, in_flight, ',');
  work.sparse = kind == "sparse";
  work.bytes = std::stoull(bytes);
  work.in_flight = std::stoull(in_flight);
  return work;
}

class Worker {
 public:
  explicit Worker(double seconds) : kv_(0, 0), seconds_(seconds) {}

  // The work as a row.
  std::string measure(const Work& work, ps::Key key) {
    const size_t count = work.bytes / sizeof(float);
    std::vector<ps::SArray<float>> pushed, pulled;
    for (size_t i = 0; i < work.in_flight; ++i) {
      pushed.emplace_back(count, 1e-6F);
      pulled.emplace_back(count, 0.0F);
    }
    ps::SArray<ps::Key> keys(work.sparse ? sparse_keys : 1, key);
    if (work.sparse) {
      for (size_t i = 0; i < keys.size(); ++i) keys[i] = ps::kMaxKey / keys.size() * i;
    }
    ps::SArray<int> lens(1, static_cast<int>(count));
    size_t place = 0;
    const auto push = [&](size_t i) {
      return work.sparse ? kv_.ZPush(keys, pushed[i]) : kv_.ZPush(keys, pushed[i], lens);
    };
    const auto pull = [&](size_t i) {
      return work.sparse ? kv_.ZPull(keys, &pulled[i]) : kv_.ZPull(keys, &pulled[i], &lens);
    };
    const auto begin = [&] {
      const size_t i = place++ % work.in_flight;
      if (work.operation == "push") return push(i);
      if (work.operation == "push_pull") push(i);  // the pull behind it sees it
      return pull(i);
    };
    kv_.Wait(push(0));
    for (size_t i = 0; i < work.in_flight; ++i) kv_.Wait(begin());
    std::deque<std::pair<int, Clock::time_point>> under_way;
    std::vector<double> times_us;
    const double cpu = cpu_s();
    const auto start = Clock::now();
    const auto elapsed = [&] {
      return std::chrono::duration<double>(Clock::now() - start).count();
    };
    while (elapsed() < seconds_ || times_us.size() < work.in_flight) {
      while (under_way.size() < work.in_flight) {
        const auto now = Clock::now();
        under_way.emplace_back(begin(), now);
      }
      kv_.Wait(under_way.front().first);
      const std::chrono::duration<double> took = Clock::now() - under_way.front().second;
      times_us.push_back(took.count() * 1e6);
      under_way.pop_front();
    }
    const double both = work.operation == "push_pull" ? 2 : 1;
    const double moved = static_cast<double>(times_us.size() * work.bytes) * both;
    const double rate = moved / elapsed();
    const double cpu_ns = (cpu_s() - cpu) * 1e9 / moved;
    for (const auto& one : under_way) kv_.Wait(one.first);
    std::sort(times_us.begin(), times_us.end());
    const auto at = [&](double share) {
      return times_us[static_cast<size_t>(share * static_cast<double>(times_us.size() - 1))];
    };
    char row[256];
    std::snprintf(row, sizeof row,
                  "{\"bytes_per_s\": %.6g, \"p50_us\": %.6g, \"p99_us\": %.6g, "
                  "\"cpu_ns_per_byte\": %.6g}",
                  rate, at(0.5), at(0.99), cpu_ns);
    return row;
  }

 private:
  ps::KVWorker<float> kv_;
  double seconds_;
};

}  // namespace

int main(int argc, char** argv) {
  ps::Start(0);
  if (ps::IsServer()) {
    auto* server = new ps::KVServer<float>(0);
    server->set_request_handle(Handler());
    ps::RegisterExitCallback([server] { delete server; });
  }
  if (ps::IsWorker() && argc > 2) {
    Worker worker(std::stod(argv[1]));
    std::string rows;
    for (int i = 2; i < argc; ++i) {
      rows += (rows.empty() ? "" : ", ") + worker.measure(parse(argv[i]), static_cast<ps::Key>(i));
    }
    std::printf("{\"rows\": [%s]}\n", rows.c_str());
    std::fflush(stdout);
  }
  ps::Finalize(0, true);
  return 0;
}
