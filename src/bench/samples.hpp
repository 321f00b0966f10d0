// Samples: repeated timings of one thing, as a median and a spread.
//
// What is compared is measured side by side, in turns, so that a change of the machine's pace meets
// all alike.
#pragma once

#include <functional>
#include <vector>

namespace podium::bench {

class Samples {
 public:
  void add(double value) { values_.push_back(value); }

  // REQUIRES: there is at least one.
  double median() const;
  // (largest - smallest) / median.
  double spread() const;

 private:
  std::vector<double> values_;
};

// Calls each of `candidates` in turn, `repetitions` times over; each returns its sample. Returns
// one Samples per candidate.
std::vector<Samples> alternate(int repetitions,
                               const std::vector<std::function<double()>>& candidates);

// Seconds that `work` takes.
double seconds_of(const std::function<void()>& work);

}  // namespace podium::bench
