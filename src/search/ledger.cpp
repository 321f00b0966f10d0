#include "search/ledger.hpp"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>

#include "core/error.hpp"

namespace podium::search {

Json to_json(const Sampled& sampled) {
  return {{"controller", sampled.controller}, {"architecture", sampled.architecture},
          {"reward", sampled.reward},         {"flops_per_image", sampled.flops},
          {"parameters", sampled.parameters}, {"epochs", sampled.epochs},
          {"seconds", sampled.seconds},       {"reused", sampled.reused},
          {"reason", sampled.reason}};
}

void take_back_samples(const std::filesystem::path& metrics, uint64_t bytes) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(metrics, error)) return;
  if (std::filesystem::file_size(metrics, error) <= bytes) return;
  std::ifstream file(metrics);
  file.seekg(static_cast<std::streamoff>(bytes));
  std::string kept;
  for (std::string line; std::getline(file, line);) {
    const Json event = Json::parse(line, nullptr, false);
    if (event.is_object() && event.value("event", Json()) != "sample") kept += line + "\n";
  }
  file.close();
  std::filesystem::resize_file(metrics, bytes, error);
  std::ofstream(metrics, std::ios::app) << kept;
  if (error) throw io_error("cannot take samples back", metrics.string(), error.value());
}

bool Ledger::add(const Sampled& sampled) {
  rewards_.push_back(sampled.reward);
  if (sampled.reward == 0) ++zeros_;
  if (sampled.seconds > 0 && !sampled.reused) {
    ++trained_;
    since_trained_ = 0;
  } else {
    ++since_trained_;
  }
  if (sampled.reward > best_.reward) best_ = sampled;
  return networks_.insert(sampled.architecture.empty() ? sampled.reason : sampled.architecture)
      .second;
}

double Ledger::mean_of_last(size_t count) const {
  if (count == 0) return 0;
  return std::accumulate(rewards_.end() - static_cast<ptrdiff_t>(count), rewards_.end(), 0.0) /
         static_cast<double>(count);
}

Json Ledger::state() const {
  return {{"rewards", rewards_}, {"networks", networks_}, {"best", to_json(best_)},
          {"trained", trained_}, {"zeros", zeros_},       {"since_trained", since_trained_}};
}

void Ledger::resume(const Json& state) {
  const Json& best = state.at("best");
  best_ = {.controller = best.at("controller"),
           .architecture = best.at("architecture"),
           .reward = best.at("reward"),
           .flops = best.at("flops_per_image"),
           .parameters = best.at("parameters"),
           .epochs = best.at("epochs"),
           .seconds = best.at("seconds"),
           .reused = best.at("reused"),
           .reason = best.at("reason")};
  rewards_ = state.at("rewards").get<std::vector<double>>();
  networks_ = state.at("networks").get<std::set<std::string>>();
  trained_ = state.at("trained");
  zeros_ = state.at("zeros");
  since_trained_ = state.at("since_trained");
}

}  // namespace podium::search
