#include "comm/allreduce/calibration.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/allreduce/kernels.hpp"
#include "comm/allreduce/topology.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::comm {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<size_t, 5> sizes = {size_t{256}, size_t{8} << 10, size_t{128} << 10,
                                         size_t{1} << 20, size_t{8} << 20};
constexpr int least_tries = 3;
constexpr int most_tries = 200;
constexpr double seconds_per_size = 0.004;
constexpr const char* format_name = "podium allreduce calibration 1";

// Seconds of one sum by this rank's clock: the fastest of some. All ranks make as many.
double time_of(Communicator& group, Algorithm algorithm, size_t bytes, const TrySum& try_sum) {
  const Stopwatch first;
  try_sum(algorithm, bytes);
  const double guess = std::max(1e-7, first.seconds());
  double tries = std::clamp<double>(seconds_per_size / guess, least_tries, most_tries);
  broadcast(group, std::as_writable_bytes(std::span(&tries, 1)), 0);
  barrier(group, group.policy());
  double best = guess;
  for (int i = 0; i < static_cast<int>(tries); ++i) {
    const Stopwatch watch;
    try_sum(algorithm, bytes);
    best = std::min(best, watch.seconds());
  }
  return best;
}

// Seconds to add one byte, out of the second cache.
double time_of_adding() {
  constexpr size_t count = 64 << 10;
  std::vector<float> into(count, 1);
  const std::vector<float> from(count, 0);
  double best = 1;
  for (int i = 0; i < 20; ++i) {
    const Stopwatch watch;
    add(elements(std::span(into)), reinterpret_cast<const std::byte*>(from.data()));
    best = std::min(best, watch.seconds());
  }
  return best / (count * sizeof(float));
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "processor";
}

Json key_of(const Shape& shape) {
  return {{"processor", processor()},
          {"cores", static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN))},
          {"ranks", shape.ranks},
          {"nodes", shape.nodes},
          {"ranks_on_smallest_node", shape.lanes}};
}

Json to_json(const CostModel& model) {
  Json costs = Json::object();
  for (const auto& [algorithm, cost] : model.costs()) {
    costs[name_of(algorithm)] = {{"step_s", cost.step_s}, {"byte_s", cost.byte_s}};
  }
  return {{"add_s", model.add_s()}, {"costs", costs}};
}

CostModel from_json(const Json& json, const Shape& shape) {
  CostModel model(shape, json.at("add_s"));
  for (const auto& [name, cost] : json.at("costs").items()) {
    model.set(parse_algorithm(name), {cost.at("step_s"), cost.at("byte_s")});
  }
  return model;
}

// A second per step or byte, and a model can go by nothing else.
bool is_cost(const Json& value) {
  return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1;
}

// What a file says must name algorithms that there are, and what they may cost.
void check_entry(const Json& machine, const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    throw usage_error("this calibration is damaged: " + what, file,
                      "remove it; it is measured again");
  };
  if (!is_cost(machine.at("add_s"))) refuse("add_s is no cost");
  const Json& costs = machine.at("costs");
  if (!costs.is_object() || costs.empty()) refuse("it has costs of no algorithm");
  for (const auto& [name, cost] : costs.items()) {
    const auto is_named = [&name = name](Algorithm algorithm) { return name == name_of(algorithm); };
    if (std::ranges::none_of(all_algorithms(), is_named)) refuse("'" + name + "' is no algorithm");
    if (!is_cost(cost.at("step_s")) || !is_cost(cost.at("byte_s"))) {
      refuse("the costs of '" + name + "' are none");
    }
  }
}

// The whole file; a new one if there is none.
Json read_file(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) {
    if (errno != ENOENT) throw io_error("cannot read", file, errno);
    return {{"format", format_name}, {"machines", Json::array()}};
  }
  if (std::filesystem::is_directory(file)) throw io_error("cannot read", file, EISDIR);
  const Json json = Json::parse(stream, nullptr, false);
  if (!json.is_object() || json.value("format", "") != format_name || !json.contains("machines")) {
    throw usage_error("this is no calibration of AllReduce", file,
                      "name another file for --comm.calibration, or remove this one");
  }
  return json;
}

}  // namespace

CostModel measure_costs(Communicator& group, const Shape& shape,
                        std::span<const Algorithm> algorithms, const TrySum& try_sum) {
  CostModel model(shape, time_of_adding());
  for (const Algorithm algorithm : algorithms) {
    std::vector<Timing> timings;
    for (const size_t bytes : sizes) {
      const double mine = time_of(group, algorithm, bytes, try_sum);
      double slowest = 0;
      for (const std::string& text : share_texts(group, format("%.17g", mine))) {
        slowest = std::max(slowest, std::stod(text));
      }
      timings.push_back({bytes, slowest});
    }
    model.fit(algorithm, timings);
  }
  const std::string theirs = broadcast_text(group, to_json(model).dump(), 0);
  return from_json(Json::parse(theirs), shape);
}

std::optional<CostModel> load_costs(const std::string& file, const Shape& shape) {
  const Json key = key_of(shape);
  try {
    const Json json = read_file(file);
    for (const Json& machine : json.at("machines")) {
      if (machine.at("key") != key) continue;
      check_entry(machine, file);
      return from_json(machine, shape);
    }
  } catch (const Json::exception& error) {
    throw usage_error(std::string("this calibration is damaged: ") + error.what(), file,
                      "remove it; it is measured again");
  }
  return std::nullopt;
}

std::optional<CostModel> share_costs(Communicator& group, const std::string& file,
                                     const Shape& shape) {
  if (group.rank() != 0) {
    const std::string text = broadcast_text(group, "", 0);
    if (text.empty()) return std::nullopt;
    const Json json = Json::parse(text);
    if (json.contains("error")) {
      throw usage_error("rank 0 cannot use the calibration: " + json["error"].get<std::string>(),
                        file, "");
    }
    return from_json(json, shape);
  }
  std::optional<CostModel> model;
  try {
    model = load_costs(file, shape);
  } catch (const Error& error) {
    broadcast_text(group, Json{{"error", error.what()}}.dump(), 0);
    throw;
  }
  broadcast_text(group, model ? to_json(*model).dump() : "", 0);
  return model;
}

void save_costs(const std::string& file, const CostModel& model) {
  Json json = read_file(file);
  Json entry = {{"key", key_of(model.shape())}};
  entry.update(to_json(model));
  Json& machines = json["machines"];
  const auto same = std::ranges::find_if(
      machines, [&](const Json& machine) { return machine.at("key") == entry["key"]; });
  if (same != machines.end()) {
    *same = entry;
  } else {
    machines.push_back(entry);
  }
  const std::string temporary = file + "." + std::to_string(::getpid());
  std::ofstream stream(temporary);
  stream << json.dump(2) << std::endl;
  if (!stream) throw io_error("cannot write", temporary, errno);
  stream.close();
  std::filesystem::rename(temporary, file);
}

}  // namespace podium::comm
