#include "serve/metrics/meters.hpp"

#include <array>

namespace podium::serve {
namespace {

constexpr std::array<double, 16> second_bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                  0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                  1,      2.5,     5,      10};
constexpr std::array<double, 13> batch_bounds = {1,   2,   4,   8,    16,   32,  64,
                                                 128, 256, 512, 1024, 2048, 4096};

}  // namespace

MeterSet::MeterSet(Recent::Time start)
    : seconds(second_bounds), queue(second_bounds), batch(batch_bounds), recent(start) {}

void MeterSet::record(const ReplyFields& reply, double milliseconds, Recent::Time now) {
  const bool wrong = reply.status >= 500;
  failed += wrong ? 1 : 0;
  latency.record(milliseconds);
  seconds.record(milliseconds * 1e-3);
  recent.record(now, milliseconds, wrong, reply.cost.batch_images);
  if (reply.cost.batch_images == 0) return;
  queue.record(static_cast<double>(reply.cost.queue_ns) * 1e-9);
  batch.record(reply.cost.batch_images);
}

Meters::Meters(size_t replicas, Recent::Time start)
    : start_(start), all_(start), replicas_(replicas, MeterSet(start)) {}

void Meters::answered(const ReplyFields& reply, std::optional<size_t> replica, double milliseconds,
                      Recent::Time now) {
  ++statuses_[reply.status];
  all_.record(reply, milliseconds, now);
  if (!replica) return;
  while (replicas_.size() <= *replica) replicas_.emplace_back(start_);
  replicas_[*replica].record(reply, milliseconds, now);
}

}  // namespace podium::serve
