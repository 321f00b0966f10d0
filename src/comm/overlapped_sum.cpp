#include "comm/overlapped_sum.hpp"

#include <algorithm>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/span_names.hpp"

namespace podium::comm {

OverlappedSum::OverlappedSum(AllReduce& allreduce, std::vector<Bucket> buckets,
                             const std::string& name, Overlap overlap, Lane lane)
    : allreduce_(allreduce),
      buckets_(std::move(buckets)),
      lane_(std::move(lane)),
      work_(make_side_work(overlap, [this] { sum_buckets(); })) {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    names_.push_back(name + ", bucket " + std::to_string(i + 1) + "/" +
                     std::to_string(buckets_.size()));
  }
  const auto is_rounded = [&](const Bucket& bucket) {
    return allreduce_.wire_for(bucket.count() * sizeof(float)) != WireType::fp32;
  };
  if (std::ranges::any_of(buckets_, is_rounded)) residual_.resize(buckets_.front().end);
  allreduce_.set_give_way([this] { return work_->give_way(); });
}

void OverlappedSum::begin(std::span<float> values, float weight) {
  require(values.size() == (buckets_.empty() ? 0 : buckets_.front().end),
          "the values are not those of the buckets", "OverlappedSum");
  values_ = values;
  weight_ = weight;
  ready_from_ = values.size();
  waited_s_ = 0;
  under_way_s_ = 0;
  work_->start();
}

void OverlappedSum::ready(size_t first) {
  const Stopwatch watch;
  ready_from_ = first;
  work_->poll();
  waited_s_ += watch.seconds();
}

void OverlappedSum::finish() {
  const Stopwatch watch;
  work_->finish();
  waited_s_ += watch.seconds();
  exposed_s_ += waited_s_;
  hidden_s_ += std::max(0.0, under_way_s_ - waited_s_);
}

void OverlappedSum::sum_buckets() {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const Bucket& bucket = buckets_[i];
    work_->until([&] { return ready_from_ <= bucket.begin; });
    const Stopwatch watch;
    const Timed span(lane_, spans::bucket_allreduce);
    const std::span<float> residual =
        residual_.empty() ? residual_ : std::span(residual_).subspan(bucket.begin, bucket.count());
    allreduce_.weighted_sum(values_.subspan(bucket.begin, bucket.count()), weight_,
                            names_[i].c_str(), residual);
    under_way_s_ += watch.seconds();
  }
}

}  // namespace podium::comm
