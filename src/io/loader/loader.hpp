// Loader: the batches of one rank, prefetched by threads.
//
// Each epoch visits every record of a split exactly once over all ranks. The order depends only on
// (seed, epoch), the data and the memory budget of a rank, never on the world size: global batch s
// is the same set of records everywhere, and the ranks share it evenly. Every rank makes the same
// number of steps; in the last, partial batch a rank may get one image less than another, or none
// when the batch has fewer images than ranks.
//
// When all images fit in the budget an epoch is a full shuffle; else a block shuffle
// (epoch_order.hpp): then each rank reads about 1/world of the blocks, each once an epoch, and the
// index in memory is that of one group of blocks.
//
// Threads fill batches ahead and sleep when the ring is full; what they fill does not depend on how
// many they are. A failure while reading is thrown by next(), for the step that met it. A Loader is
// used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "io/image/augment.hpp"
#include "io/loader/dataset.hpp"
#include "io/loader/epoch_order.hpp"

namespace podium::io {

struct LoaderOptions {
  Split split = Split::train;
  size_t batch = 128;  // images per step over all ranks
  size_t rank = 0;
  size_t world = 1;
  uint64_t seed = 0;
  Shuffle shuffle = Shuffle::automatic;
  Augmentation augmentation;
  size_t threads = 1;  // that prefetch; with 0, next() reads
  size_t depth = 0;    // batches ahead; 0: about 1 MiB of images, 2 to 64 batches
};

// Throws usage_error for options that make no sense for images of `info`.
void check_options(const DatasetInfo& info, const LoaderOptions& options);

// What `automatic` means for this data set and its memory budget; any other stays what it is.
Shuffle effective_shuffle(const Dataset& dataset, Shuffle shuffle);

// What the order of the images of `split` depends on beside seed and epoch, as a text: runs that go
// on with an equal one see the same batches.
std::string order_identity(const Dataset& dataset, Split split, Shuffle shuffle);

// A view of the loader's buffer, valid until the next call of next() or start_epoch().
struct Batch {
  std::span<const uint8_t> images;    // [count,H,W,C]
  std::span<const uint8_t> labels;    // [count]
  std::span<const uint32_t> records;  // [count], indices within the split
  size_t global_count = 0;            // images of this step over all ranks
  size_t step = 0;                    // within the epoch

  size_t count() const { return labels.size(); }
};

class Loader {
 public:
  // `dataset` must outlive the loader. Throws usage_error for options that make no sense.
  Loader(const Dataset& dataset, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The same on every rank: ceil(records / batch).
  size_t steps_per_epoch() const;

  // Begins `epoch` at `first_step`, without reading what comes before it; the rest of an epoch
  // under way is dropped.
  void start_epoch(uint64_t epoch, size_t first_step = 0);

  // The next batch, or nothing at the end of the epoch. Throws what reading it threw; the epoch is
  // then over.
  std::optional<Batch> next();

  // How records are shuffled: never `automatic`.
  Shuffle shuffle() const;

  // Seconds that next() has waited for a batch, over all epochs.
  double waited_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::io
