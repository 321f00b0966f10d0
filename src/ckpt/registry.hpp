// Registry: the models of one run, of which one is current.
//
// Trainers add candidates; a selection publishes a candidate as the next version when it is better
// on validation accuracy than the current one. Layout (docs/formats.md):
//   candidates/NAME.h5, versions/000001-NAME.h5, current.json (replaced atomically), lock.
// Several processes may add and offer at once: every change is made under a lock on the file
// `lock`. Readers take no lock.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ckpt/snapshot.hpp"

namespace podium::ckpt {

// Whether `name` can stand in a candidate's and a version's file name: [A-Za-z0-9_-]{1,128}.
bool is_model_name(std::string_view name);

class Registry {
 public:
  struct Version {
    int number = 0;  // from 1
    std::string name;
    double val_accuracy = 0.0;  // in [0,1]
    std::filesystem::path path;
  };

  struct Candidate {
    std::string name;
    double val_accuracy = 0.0;  // in [0,1]
    std::filesystem::path path;
    nlohmann::ordered_json metrics;  // the card's "metrics", or null
  };

  struct Offer {
    bool published = false;
    Version current;       // after the offer
    std::string reason;    // one sentence for people
    bool already = false;  // the candidate is the current version
  };

  // Creates the folder if need be. Throws io_error.
  explicit Registry(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }

  std::optional<Version> current() const;
  std::vector<Version> versions() const;  // oldest first
  // The one of a number, empty if there is none; damage to others does not matter.
  std::optional<Version> version(int number) const;

  // Writes or replaces the candidate `name` ([A-Za-z0-9_-]+). The card's "name" and "val_accuracy"
  // are set. Throws usage_error for a bad name or an accuracy outside [0,1].
  void add_candidate(const std::string& name, double val_accuracy, const Snapshot& snapshot);
  std::vector<Candidate> candidates() const;  // by name

  // Publishes `candidate` if there is no current version, or its file is damaged, or the candidate
  // is better; a tie keeps the old one. What counts is the accuracy in the candidate's file, which
  // is verified first. Throws data_error when it is damaged.
  Offer offer(const Candidate& candidate);

  // Offers the best of all candidates (the first by name among equals). Throws data_error when
  // there is none.
  Offer select();

  // Publishes a model whatever the current one is, for what is better by other measures than its
  // accuracy: feedback. Throws usage_error as add_candidate() does.
  Version publish(const std::string& name, double val_accuracy, const Snapshot& snapshot);

  // Begins a new comparison: forgets the candidates and the current version, so that the next offer
  // is published whatever its accuracy. Published versions stay, and their numbers go on.
  void start_over();

 private:
  Version publish_file(const std::filesystem::path& file, const std::string& name,
                       double val_accuracy, const std::optional<Version>& old) const;

  std::filesystem::path folder_;
};

}  // namespace podium::ckpt
