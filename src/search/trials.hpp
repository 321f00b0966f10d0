// Trials: networks on their way to a reward: looked up in the memo, joined with an equal one that
// is under way, or given to a child when it is that child's turn.
//
// A child that dies costs its trial nothing but time: another child gets it. A network that has
// cost two children that had begun to train it gets the reward 0. Many such networks in a row are
// not the networks' fault, and no child is of use.
//
// Threads: belongs to the thread of its search.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "nn/image_shape.hpp"
#include "search/child_training.hpp"
#include "search/memo.hpp"
#include "search/staff.hpp"

namespace podium::search {

// Whose sample it is.
struct Ticket {
  int controller = 0;
  uint64_t batch = 0;
  size_t place = 0;  // in the batch
};

struct Verdict {
  Ticket ticket;
  std::string architecture;
  ChildResult result;
  int64_t flops = 0;
  int64_t parameters = 0;
  bool reused = false;
};

// What networks are for, and what they may cost.
struct TrialLimits {
  nn::ImageShape image;
  int classes = 0;
  double max_mflops = 0;  // forward, per image; 0: any
};

class Trials {
 public:
  // All references must outlive the object.
  Trials(const TrialLimits& limits, const SearchLayout& layout, Staff& staff, Memo& memo, Log log);

  // The reward of a network, given by its canonical text, is wanted.
  void ask(const Ticket& ticket, const std::string& architecture);

  // An event of a child.
  void on_child(const CrewEvent& event);

  // Gives children what they have room for.
  void hand_out();

  // What has been decided since the last call.
  std::vector<Verdict> take_verdicts() { return std::exchange(verdicts_, {}); }

  // False once no child will ever train; `last_words` then says why.
  bool any_child() const;
  const std::string& last_words() const { return last_words_; }
  int deaths() const { return deaths_; }

 private:
  struct Trial {
    std::string architecture;
    int64_t flops = 0;
    int64_t parameters = 0;
    std::vector<Ticket> wanted_by;
    int deaths = 0;
    int child = -1;            // that has it; -1: it waits
    bool begun = false;        // by that child
    Stopwatch under_way = {};  // since it was given to that child
    double told_s = 0;         // of that, when an epoch of it was told last
  };
  enum class ChildState { gone, idle, busy, down };

  bool refuse(Trial* trial);
  void settle(const Trial& trial, const ChildResult& result, bool reused);
  std::list<Trial>::iterator trial_of(int child);
  void on_epoch(const CrewEvent& event);
  void on_loss(const CrewEvent& event);
  int next_child();

  TrialLimits limits_;
  const SearchLayout& layout_;
  Staff& staff_;
  Memo& memo_;
  Log log_;
  std::list<Trial> trials_;           // under way, the oldest first
  std::vector<ChildState> children_;  // by child
  std::vector<int> at_work_;          // by rank: children that train
  int last_child_ = -1;               // that was given work
  std::vector<Verdict> verdicts_;
  std::string last_words_;
  int deaths_ = 0;
  int deadly_in_a_row_ = 0;  // networks that cost two children each, and none that was trained
};

}  // namespace podium::search
