#include "io/loader/loader.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/loader/batch_range.hpp"
#include "io/loader/block_memory.hpp"
#include "io/loader/open_groups.hpp"
#include "io/loader/prefetcher.hpp"

namespace podium::io {
namespace {

constexpr size_t usual_bytes_ahead = size_t{1} << 20;
constexpr size_t fewest_ahead = 2;
constexpr size_t most_ahead = 64;
constexpr size_t cache_line = 64;

}  // namespace

void check_options(const DatasetInfo& info, const LoaderOptions& options) {
  if (options.batch == 0) {
    throw usage_error("a batch has at least one image", "--train.batch", "raise it");
  }
  const ImageShape shape{info.height, info.width, info.channels};
  if (const auto misfit = misfit_of(options.augmentation, shape)) {
    throw usage_error(misfit->what, std::string("--train.") + misfit->option, misfit->remedy);
  }
  require(options.rank < options.world, "a loader's rank is one of its world", "Loader");
}

Shuffle effective_shuffle(const Dataset& dataset, Shuffle shuffle) {
  if (shuffle != Shuffle::automatic) return shuffle;
  return dataset.fits_in_memory() ? Shuffle::full : Shuffle::block;
}

namespace {

// Options without `automatic` and 0 for a default.
LoaderOptions resolved(const Dataset& dataset, LoaderOptions options) {
  check_options(dataset.info(), options);
  options.shuffle = effective_shuffle(dataset, options.shuffle);
  if (options.depth == 0) {
    const size_t images = (options.batch + options.world - 1) / options.world;
    const size_t bytes = images * dataset.info().image_bytes();
    options.depth = std::clamp((usual_bytes_ahead + bytes - 1) / bytes, fewest_ahead, most_ahead);
  }
  return options;
}

// What all threads share during one epoch.
struct Epoch {
  Epoch(const Dataset& dataset, const LoaderOptions& options, uint64_t epoch, size_t first_step)
      : number(epoch),
        order(dataset.block_starts(options.split),
              {options.shuffle, dataset.blocks_at_once(), options.batch, options.seed, epoch}),
        groups(dataset, options.split, order, options.batch, first_step) {}

  uint64_t number;
  EpochOrder order;
  OpenGroups groups;
  std::once_flag listed;
  std::vector<uint32_t> all;  // of a full shuffle: the whole order
};

}  // namespace

std::string order_identity(const Dataset& dataset, Split split, Shuffle shuffle) {
  const Shuffle order = effective_shuffle(dataset, shuffle);
  std::string text = shuffle_name(order);
  if (order != Shuffle::block) return text;
  std::vector<uint32_t> starts = dataset.block_starts(split);
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());  // blocks without records
  const uint64_t blocks = xxh3(std::as_bytes(std::span(starts)));
  return text + " " + std::to_string(dataset.blocks_at_once()) + " " + to_hex(blocks);
}

struct Loader::State {
  State(const Dataset& data, const LoaderOptions& given)
      : dataset(data),
        options(resolved(data, given)),
        shape{data.info().height, data.info().width, data.info().channels},
        scratches(options.threads + 1),
        slots(options.threads == 0 ? 1 : options.depth + 1) {
    const size_t largest = (std::min(options.batch, records()) + options.world - 1) / options.world;
    const size_t stride =
        (largest * shape.bytes() + cache_line - 1) / cache_line * cache_line + cache_line;
    pages = map_pages(slots.size() * stride);
    for (size_t i = 0; i < slots.size(); ++i) {
      slots[i].images = static_cast<uint8_t*>(pages.get().address) + i * stride;
      slots[i].labels.resize(largest);
      slots[i].records.resize(largest);
    }
    prefetcher.emplace(options.threads, slots.size(),
                       [this](size_t step, size_t slot, size_t thread) {
                         fill(step, slots[slot], scratches[thread]);
                       });
  }

  struct Slot {
    uint8_t* images = nullptr;
    std::vector<uint8_t> labels;
    std::vector<uint32_t> records;
    size_t count = 0;
  };

  struct Scratch {
    GatherScratch gather;
    std::vector<BlockRun> runs;
    std::vector<uint32_t> records;  // of the step, then some of the thread's next one
    size_t last_step = 0;
  };

  size_t records() const { return dataset.size(options.split); }
  size_t steps() const { return steps_of(records(), options.batch); }

  BatchRange global_range(size_t step) const { return batch_range(step, options.batch, records()); }

  // This rank's share of it.
  BatchRange local_range(size_t step) const {
    return share_of(global_range(step), options.rank, options.world);
  }

  void fill(size_t step, Slot& slot, Scratch& scratch) const {
    const BatchRange mine = local_range(step);
    slot.count = mine.count();
    const BatchWriter writer{shape,
                             {slot.images, slot.count * shape.bytes()},
                             {slot.labels.data(), slot.count},
                             options.augmentation,
                             options.seed,
                             epoch->number,
                             {slot.records.data(), slot.count}};
    if (options.shuffle == Shuffle::full) {
      fill_from_all(step, mine, slot, writer, scratch);
    } else {
      fill_from_groups(step, mine, slot, writer, scratch);
    }
  }

  void fill_from_all(size_t step, BatchRange mine, Slot& slot, const BatchWriter& writer,
                     Scratch& scratch) const {
    std::call_once(epoch->listed, [&] { epoch->all = epoch->order.group(0); });
    const std::span<const uint32_t> all = epoch->all;
    std::ranges::copy(all.subspan(mine.begin, mine.count()), slot.records.begin());
    scratch.records.assign(writer.records.begin(), writer.records.end());
    // What this thread fills next, most likely: threads that keep pace take turns.
    const size_t next_step = 2 * step - scratch.last_step;
    scratch.last_step = step;
    if (next_step > step && next_step < steps()) {
      const BatchRange next = local_range(next_step);
      const size_t count = std::min(next.count(), dataset.records_ahead());
      const std::span<const uint32_t> ahead = all.subspan(next.begin, count);
      scratch.records.insert(scratch.records.end(), ahead.begin(), ahead.end());
    }
    dataset.gather(options.split, scratch.records, slot.count, writer, scratch.gather);
  }

  // Group by group: a batch may begin in one and end in another.
  void fill_from_groups(size_t step, BatchRange mine, Slot& slot, const BatchWriter& writer,
                        Scratch& scratch) const {
    const BatchRange all = global_range(step);
    const EpochOrder& order = epoch->order;
    const size_t last = order.group_of(all.end - 1);
    size_t group = order.group_of(all.begin);
    try {
      for (; group <= last; ++group) {
        const BatchRange share{std::max(mine.begin, order.first(group)),
                               std::min(mine.end, order.first(group + 1))};
        if (share.begin < share.end) fill_share(group, share, mine, slot, writer, scratch);
        epoch->groups.leave(group);
      }
    } catch (...) {
      for (; group <= last; ++group) epoch->groups.leave(group);  // others wait for that
      throw;
    }
  }

  void fill_share(size_t group, BatchRange share, BatchRange mine, Slot& slot,
                  const BatchWriter& writer, Scratch& scratch) const {
    const uint64_t first = epoch->order.first(group);
    const auto records =
        epoch->groups.enter(group).subspan(static_cast<size_t>(share.begin - first), share.count());
    const auto offset = static_cast<size_t>(share.begin - mine.begin);
    std::ranges::copy(records, slot.records.begin() + static_cast<ptrdiff_t>(offset));
    epoch->groups.lease_runs(records, scratch.runs);
    dataset.copy_runs(options.split, records, scratch.runs, offset, writer, scratch.gather);
  }

  const Dataset& dataset;
  const LoaderOptions options;
  const ImageShape shape;
  std::vector<Scratch> scratches;  // by thread, the consumer last
  std::vector<Slot> slots;
  Mapping pages;  // of the slots' images
  std::unique_ptr<Epoch> epoch;
  std::optional<Prefetcher> prefetcher;  // last: its threads use all of the above

  // fill() changes only what its arguments name, and the epoch, which takes care of itself.
};

Loader::Loader(const Dataset& dataset, const LoaderOptions& options)
    : state_(std::make_unique<State>(dataset, options)) {}

Loader::~Loader() = default;

size_t Loader::steps_per_epoch() const {
  return state_->steps();
}

void Loader::start_epoch(uint64_t epoch, size_t first_step) {
  require(first_step <= state_->steps(), "an epoch begins at one of its steps",
          "Loader::start_epoch");
  state_->prefetcher->stop();
  state_->epoch = std::make_unique<Epoch>(state_->dataset, state_->options, epoch, first_step);
  state_->prefetcher->start(first_step, state_->steps());
}

std::optional<Batch> Loader::next() {
  const auto filled = state_->prefetcher->next();
  if (!filled) return {};
  const State::Slot& slot = state_->slots[filled->slot];
  return Batch{{slot.images, slot.count * state_->shape.bytes()},
               {slot.labels.data(), slot.count},
               {slot.records.data(), slot.count},
               state_->global_range(filled->step).count(),
               filled->step};
}

Shuffle Loader::shuffle() const {
  return state_->options.shuffle;
}

double Loader::waited_seconds() const {
  return state_->prefetcher->waited_seconds();
}

}  // namespace podium::io
