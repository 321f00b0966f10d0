// Ledger: what a search has found so far, sample by sample.
//
// Its state is part of the search's checkpoint. For one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace podium::search {

using Json = nlohmann::ordered_json;

// A network that was proposed, and what came of it.
struct Sampled {
  int controller = 0;
  std::string architecture;  // empty: none could be built of the choices
  double reward = 0;         // validation accuracy, 0 to 1
  int64_t flops = 0;         // forward, per image
  int64_t parameters = 0;
  int epochs = 0;
  double seconds = 0;   // of training
  bool reused = false;  // it was known, or another sample was the same network
  std::string reason;   // why it was not trained to its end
};

Json to_json(const Sampled& sampled);

// Removes the samples behind the first `bytes` of metrics.jsonl: a job that was killed told them
// after it had last been saved, and the next one tells them anew. What else stands there stays.
// Nobody may append meanwhile. Throws io_error.
void take_back_samples(const std::filesystem::path& metrics, uint64_t bytes);

class Ledger {
 public:
  // Returns whether the sample is news: the first of its network in this search.
  bool add(const Sampled& sampled);

  size_t samples() const { return rewards_.size(); }
  // Of the samples, the networks trained for this search, and those that brought nothing.
  size_t trained() const { return trained_; }
  size_t zeros() const { return zeros_; }
  // Samples since one was trained.
  size_t since_trained() const { return since_trained_; }

  // The best so far; its architecture is empty while there is none.
  const Sampled& best() const { return best_; }
  double mean() const { return mean_of_last(samples()); }
  // Over the last fifth of the samples.
  double tail_mean() const { return mean_of_last((samples() + 4) / 5); }

  Json state() const;
  // Throws nlohmann::json::exception.
  void resume(const Json& state);

 private:
  double mean_of_last(size_t count) const;

  std::vector<double> rewards_;
  std::set<std::string> networks_;  // that were proposed
  Sampled best_;
  size_t trained_ = 0;
  size_t zeros_ = 0;
  size_t since_trained_ = 0;
};

}  // namespace podium::search
