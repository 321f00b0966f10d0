#include "io/loader.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "io/permutation.hpp"

namespace podium::io {
namespace {

constexpr std::chrono::minutes read_timeout{10};
constexpr uint64_t order_stream = 0x6f72646572;  // "order": apart from other uses of seed

void check_options(const Dataset& dataset, const LoaderOptions& options) {
  if (options.batch == 0) {
    throw usage_error("a batch has at least one image", "--train.batch", "raise it");
  }
  const size_t smaller_side = std::min(dataset.info().height, dataset.info().width);
  if (options.augmentation.shift >= smaller_side) {
    throw usage_error("images cannot be shifted by their whole size", "--train.shift",
                      "shift by less than " + std::to_string(smaller_side) + " pixels");
  }
  require(options.rank < options.world, "a loader's rank is one of its world", "Loader");
}

}  // namespace

// Two slots take turns: one is filled by the thread while the consumer holds the other.
class Loader::Prefetcher {
 public:
  Prefetcher(const Dataset& dataset, const LoaderOptions& options)
      : dataset_(dataset), options_(options), consumed_(steps()) {
    const size_t largest = (options.batch + options.world - 1) / options.world;
    for (Slot& slot : slots_) {
      slot.images.reserve(largest * dataset.info().image_bytes());
      slot.labels.reserve(largest);
      slot.records.reserve(largest);
    }
    thread_ = std::thread([this] { run(); });
  }

  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  size_t steps() const {
    return (dataset_.size(options_.split) + options_.batch - 1) / options_.batch;
  }

  void start(uint64_t epoch, size_t first_step) {
    require(first_step <= steps(), "an epoch begins at one of its steps", "Loader::start_epoch");
    {
      const std::lock_guard lock(mutex_);
      ++generation_;
      epoch_ = epoch;
      consumed_ = filled_ = first_step;
      holding_ = false;
      failure_ = nullptr;
    }
    changed_.notify_all();
  }

  std::optional<Batch> next() {
    std::unique_lock lock(mutex_);
    if (holding_) {  // gives back the slot of the batch before
      ++consumed_;
      holding_ = false;
      changed_.notify_all();
    }
    if (consumed_ == steps()) return {};
    if (!changed_.wait_for(lock, read_timeout, [&] { return filled_ > consumed_ || failure_; })) {
      throw internal_error("the loader has waited 10 minutes for the disk",
                           "step " + std::to_string(consumed_), "check the cache's file system");
    }
    if (filled_ == consumed_) {
      consumed_ = filled_ = steps();
      std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    holding_ = true;
    return view(slots_[consumed_ % slots_.size()], consumed_);
  }

 private:
  struct Slot {
    std::vector<uint8_t> images;
    std::vector<uint8_t> labels;
    std::vector<uint32_t> records;
  };

  // Records [begin, end) of the epoch's order make global batch `step`.
  struct Range {
    size_t begin;
    size_t end;
  };

  Range global_range(size_t step) const {
    const size_t begin = step * options_.batch;
    return {begin, std::min(begin + options_.batch, dataset_.size(options_.split))};
  }

  // This rank's even share of it.
  Range local_range(size_t step) const {
    const Range all = global_range(step);
    const size_t count = all.end - all.begin;
    return {all.begin + count * options_.rank / options_.world,
            all.begin + count * (options_.rank + 1) / options_.world};
  }

  Batch view(const Slot& slot, size_t step) const {
    const Range all = global_range(step);
    return {slot.images, slot.labels, slot.records, all.end - all.begin, step};
  }

  // The thread: waits for a free slot of the epoch under way, fills it outside the lock, and hands
  // it over unless another epoch has begun meanwhile.
  void run() {
    std::vector<uint32_t> order;
    uint64_t ordered_generation = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stop_ || can_fill(); });
      if (stop_) return;
      const uint64_t generation = generation_;
      const uint64_t epoch = epoch_;
      const size_t step = filled_;
      lock.unlock();
      std::exception_ptr failure;
      try {
        if (ordered_generation != generation) order = epoch_order(epoch);
        ordered_generation = generation;
        fill(slots_[step % slots_.size()], order, epoch, step);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (generation != generation_) continue;
      if (failure) {
        failure_ = failure;
      } else {
        ++filled_;
      }
      changed_.notify_all();
    }
  }

  bool can_fill() const {
    return generation_ > 0 && !failure_ && filled_ < steps() && filled_ - consumed_ < slots_.size();
  }

  std::vector<uint32_t> epoch_order(uint64_t epoch) const {
    const auto count = static_cast<uint32_t>(dataset_.size(options_.split));
    if (options_.shuffle) {
      return permutation(count, Random(mix64(options_.seed ^ order_stream), epoch));
    }
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), uint32_t{0});
    return order;
  }

  void fill(Slot& slot, const std::vector<uint32_t>& order, uint64_t epoch, size_t step) const {
    const Range mine = local_range(step);
    const DatasetInfo& info = dataset_.info();
    slot.records.assign(order.begin() + static_cast<ptrdiff_t>(mine.begin),
                        order.begin() + static_cast<ptrdiff_t>(mine.end));
    slot.labels.resize(slot.records.size());
    slot.images.resize(slot.records.size() * info.image_bytes());
    dataset_.gather(options_.split, slot.records, slot.images, slot.labels);
    if (!options_.augmentation.enabled()) return;
    const ImageShape shape{info.height, info.width, info.channels};
    std::vector<uint8_t> scratch(shape.bytes());
    for (size_t i = 0; i < slot.records.size(); ++i) {
      augment(options_.augmentation, shape, {options_.seed, epoch, slot.records[i]},
              std::span(slot.images).subspan(i * shape.bytes(), shape.bytes()), scratch);
    }
  }

  const Dataset& dataset_;
  const LoaderOptions options_;
  std::array<Slot, 2> slots_;

  std::mutex mutex_;  // guards all that follows
  std::condition_variable changed_;
  bool stop_ = false;
  bool holding_ = false;     // the consumer views slot consumed_
  uint64_t generation_ = 0;  // counts start() calls
  uint64_t epoch_ = 0;
  size_t consumed_ = 0;  // steps that the consumer is done with
  size_t filled_ = 0;    // steps that the thread has filled
  std::exception_ptr failure_;

  std::thread thread_;  // last: it uses all of the above
};

Loader::Loader(const Dataset& dataset, const LoaderOptions& options) {
  check_options(dataset, options);
  prefetcher_ = std::make_unique<Prefetcher>(dataset, options);
}

Loader::~Loader() = default;

size_t Loader::steps_per_epoch() const {
  return prefetcher_->steps();
}

void Loader::start_epoch(uint64_t epoch, size_t first_step) {
  prefetcher_->start(epoch, first_step);
}

std::optional<Batch> Loader::next() {
  return prefetcher_->next();
}

}  // namespace podium::io
