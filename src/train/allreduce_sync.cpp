#include "train/allreduce_sync.hpp"

#include <utility>

#include "core/error.hpp"

namespace podium::train {

void NoSync::begin(std::span<float> gradients, float weight) {
  gradients_ = gradients;
  weight_ = weight;
}

void NoSync::finish() {
  if (weight_ == 1.0F) return;
  for (float& value : gradients_) value *= weight_;
}

// MPI_Allreduce waits inside the library: begun early it would keep its rank from computing.
AllReduceSync::AllReduceSync(comm::Communicator& group, const comm::AllReduceOptions& options,
                             std::vector<size_t> layers, comm::Overlap overlap, Lane lane)
    : allreduce_(group, options),
      layers_(std::move(layers)),
      overlap_(options.algorithm == comm::Algorithm::mpi ? comm::Overlap::off : overlap),
      lane_(std::move(lane)) {}

void AllReduceSync::begin(std::span<float> gradients, float weight) {
  if (!sum_) {
    gradients_ = gradients.size();
    sum_.emplace(allreduce_, comm::make_buckets(gradients_, layers_), "gradients", overlap_, lane_);
  }
  require(gradients.size() == gradients_, "gradients of another model", "AllReduceSync");
  sum_->begin(gradients, weight);
}

void AllReduceSync::ready(size_t first) {
  sum_->ready(first);
}

void AllReduceSync::finish() {
  sum_->finish();
}

ExchangeTimes AllReduceSync::times() const {
  if (!sum_) return {};
  return {sum_->exposed_seconds(), sum_->hidden_seconds()};
}

}  // namespace podium::train
