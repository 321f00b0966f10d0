// Staff: the workers of all ranks, as rank 0 sees them.
//
// Each rank keeps the workers that the layout gives it (crew.hpp). Rank 0 leads the search; the
// others pass its messages on to their workers, and tell it what those say and what becomes of
// them.
//
//   to a rank      {worker, life, message}, {end}
//   from a rank    {worker, what, life, message, why}, {stop}, {ended, cpu_s}
//
// What is sent to a worker is for the process that rank 0 knows of: one that has taken its place
// meanwhile does not get it.
//
// Threads: each object, and keep_crew(), belongs to one thread of its rank.
#pragma once

#include <functional>
#include <vector>

#include "core/crew.hpp"
#include "search/layout.hpp"
#include "search/mail.hpp"

namespace podium::search {

class Staff {
 public:
  // All references must outlive it. `mail` may be null for one rank.
  Staff(const SearchLayout& layout, Crew& crew, Mail* mail);

  // To the process of which the last noted event told.
  void send(int worker, const Json& message);
  void note(const CrewEvent& event);

  // What has happened on any rank; waits up to `patience`.
  std::vector<CrewEvent> take(Crew::Milliseconds patience);

  // Some other rank was told to stop.
  bool asked_to_stop() const { return asked_to_stop_; }

  // Ends all workers of all ranks and returns the processor time of the children. To be called
  // once. Throws internal_error for a rank that does not answer in time.
  double end();

 private:
  void take_mail(std::vector<CrewEvent>* events);

  const SearchLayout& layout_;
  Crew& crew_;
  Mail* mail_;
  std::vector<int> lives_;  // by worker: the process that rank 0 knows of
  bool asked_to_stop_ = false;
  int ranks_ended_ = 0;
  double remote_cpu_s_ = 0;
};

// What every rank but 0 does, until rank 0 ends the search.
void keep_crew(Mail& mail, Crew& crew, const std::function<bool()>& should_stop);

}  // namespace podium::search
