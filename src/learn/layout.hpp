// LearnLayout: how many explorers and trainers `podium learn` has, and where they are.
//
// The text "explorer=2,buffer=1,train=1" asks for counts; what is left out is chosen: two
// explorers, and every rank trains. With explorer=0 a job learns from those of other jobs alone.
// Trainers are the first ranks, of which the first leads; the buffer is with it. Explorers are
// worker processes, dealt in turn over all ranks. Pure arithmetic: every rank computes the same
// layout.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace podium::learn {

class LearnLayout {
 public:
  // Throws usage_error that names the role at fault: an unknown name, a count below 1, the same
  // role twice, more trainers than ranks, more than one buffer.
  static LearnLayout plan(std::string_view roles, int ranks);

  int explorers() const { return explorers_; }
  int trainers() const { return trainers_; }
  bool trains(int rank) const { return rank < trainers_; }
  // The explorers that `rank` keeps running, ascending.
  std::vector<int> explorers_of(int rank) const;

  // For instance "2 explorers | 1 buffer | 1 trainer".
  std::string describe() const;

 private:
  int ranks_ = 1;
  int explorers_ = 0;
  int trainers_ = 0;
};

}  // namespace podium::learn
