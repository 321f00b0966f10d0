#include "ps/shard.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/error.hpp"

namespace podium::ps {
namespace {

constexpr size_t word_bits = 64;

void touch(std::vector<uint64_t>& touched, size_t begin, size_t end) {
  const size_t first = begin / word_bits;
  const size_t last = (end - 1) / word_bits;
  const uint64_t from = ~uint64_t{0} << begin % word_bits;
  const uint64_t to = ~uint64_t{0} >> (word_bits - 1 - (end - 1) % word_bits);
  if (first == last) {
    touched[first] |= from & to;
    return;
  }
  touched[first] |= from;
  std::fill(touched.begin() + static_cast<std::ptrdiff_t>(first) + 1,
            touched.begin() + static_cast<std::ptrdiff_t>(last), ~uint64_t{0});
  touched[last] |= to;
}

// The first value from `at` on whose bit is `wanted`, up to `end`.
size_t find_bit(const std::vector<uint64_t>& touched, size_t at, size_t end, bool wanted) {
  while (at < end) {
    const uint64_t word = wanted ? touched[at / word_bits] : ~touched[at / word_bits];
    const uint64_t rest = word >> at % word_bits;
    if (rest != 0) return std::min(end, at + static_cast<size_t>(std::countr_zero(rest)));
    at = (at / word_bits + 1) * word_bits;
  }
  return end;
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

Error misshapen() {
  return data_error("the state of a range is of another shape than this server's",
                    "parameter servers", "let all servers have the same options");
}

uint64_t take_word(std::span<const uint64_t>& words) {
  if (words.empty()) throw misshapen();
  const uint64_t word = words.front();
  words = words.subspan(1);
  return word;
}

template <typename T>
void take(std::span<const std::byte>& payload, std::vector<T>& to) {
  const size_t bytes = to.size() * sizeof(T);
  if (payload.size() < bytes) throw misshapen();
  if (bytes > 0) std::memcpy(to.data(), payload.data(), bytes);
  payload = payload.subspan(bytes);
}

}  // namespace

Shard::Shard(Segment range, const OptimizerOptions& options)
    : range_(range), options_(options), theta_(range.count) {
  slots_.resize(slots_of(options.rule), std::vector<float>(range.count));
}

void Shard::set(size_t layer, std::span<const float> values) {
  std::copy(values.begin(), values.end(), (layer == 0 ? theta_ : slots_[layer - 1]).begin());
}

RuleMemory Shard::memory_at(size_t offset) {
  RuleMemory memory{theta_.data() + offset, {}};
  for (size_t i = 0; i < slots_.size(); ++i) memory.slots[i] = slots_[i].data() + offset;
  return memory;
}

void Shard::update(size_t offset, std::span<const float> pushed, float scale, float lr) {
  if (lr < 0) lr = options_.lr;
  const float decay = options_.weight_decay;
  if (options_.ranges.empty()) {
    apply(options_, {scale, lr, 1 - lr * decay}, memory_at(offset), pushed.data(), pushed.size());
    return;
  }
  auto part =
      std::upper_bound(options_.ranges.begin(), options_.ranges.end(), range_.first + offset,
                       [](size_t value, const RangeOptions& range) { return value < range.end; });
  while (!pushed.empty()) {
    const RangeOptions alike = part == options_.ranges.end() ? RangeOptions{SIZE_MAX} : *part++;
    const size_t count = std::min(pushed.size(), alike.end - (range_.first + offset));
    const float rate = lr * alike.lr_factor;
    apply(options_, {scale, rate, alike.decay ? 1 - rate * decay : 1}, memory_at(offset),
          pushed.data(), count);
    pushed = pushed.subspan(count);
    offset += count;
  }
}

// Single values by key that are only added: most of the time goes to memory, none to rates.
void Shard::add_by_key(const Pushed& pushed) {
  const uint64_t table = pushed.segments.front().first - range_.first;
  const auto* values = reinterpret_cast<const float*>(pushed.values.data());
  for (const uint32_t key : pushed.keys) theta_[table + key] += pushed.scale * *values++;
}

void Shard::push(const Pushed& pushed) {
  if (options_.rule == Rule::sum && pushed.width == 1 && pushed.encoding == Encoding::fp32 &&
      !pushed.segments.empty()) {
    return add_by_key(pushed);
  }
  for_each_piece(pushed, [&](uint64_t first, std::span<const float> values) {
    update(first - range_.first, values, pushed.scale, pushed.lr);
  });
}

Shard::Step& Shard::step_of(uint32_t clock) {
  auto at = std::lower_bound(steps_.begin(), steps_.end(), clock,
                             [](const Step& step, uint32_t value) { return step.clock < value; });
  if (at != steps_.end() && at->clock == clock) return *at;
  Step step;
  step.clock = clock;
  step.low = range_.count;
  if (free_touched_.empty()) {
    step.touched.resize((range_.count + word_bits - 1) / word_bits);
  } else {
    step.touched = std::move(free_touched_.back());
    free_touched_.pop_back();
  }
  return *steps_.insert(at, std::move(step));
}

Shard::Sum& Shard::sum_of(Step& step, uint32_t worker) {
  auto at = std::lower_bound(step.sums.begin(), step.sums.end(), worker,
                             [](const Sum& sum, uint32_t value) { return sum.worker < value; });
  if (at != step.sums.end() && at->worker == worker) return *at;
  Sum sum;
  sum.worker = worker;
  if (free_sums_.empty()) {
    sum.values.resize(range_.count);
  } else {
    sum.values = std::move(free_sums_.back());
    free_sums_.pop_back();
  }
  return *step.sums.insert(at, std::move(sum));
}

void Shard::hold(uint32_t worker, uint32_t clock, const Pushed& pushed) {
  Step& step = step_of(clock);
  Sum& sum = sum_of(step, worker);
  sum.lr = pushed.lr;
  for_each_piece(pushed, [&](uint64_t first, std::span<const float> values) {
    const size_t begin = first - range_.first;
    const size_t end = begin + values.size();
    add_scaled(sum.values.data() + begin, values.data(), pushed.scale, values.size());
    touch(step.touched, begin, end);
    step.low = std::min(step.low, begin);
    step.high = std::max(step.high, end);
  });
}

void Shard::forget(uint32_t worker, uint32_t clock) {
  for (Step& step : steps_) {
    if (step.clock != clock) continue;
    std::erase_if(step.sums, [&](const Sum& sum) { return sum.worker == worker; });
  }
}

void Shard::commit(uint32_t clock) {
  if (steps_.empty() || steps_.front().clock != clock) return;
  Step& step = steps_.front();
  if (options_.rule == Rule::step_sum &&
      find_bit(step.touched, 0, range_.count, false) < range_.count) {
    std::fill(theta_.begin(), theta_.end(), 0.0F);  // what nobody pushed adds up to nothing
  }
  if (!step.sums.empty()) {
    size_t begin = find_bit(step.touched, step.low, step.high, true);
    while (begin < step.high) {
      const size_t end = find_bit(step.touched, begin, step.high, false);
      commit_run(step, begin, end);
      begin = find_bit(step.touched, end, step.high, true);
    }
  }
  recycle(step);
  steps_.erase(steps_.begin());
}

// In blocks that stay in the first cache while they are added up, zeroed, and applied.
void Shard::commit_run(Step& step, size_t begin, size_t end) {
  constexpr size_t block = 2048;
  const float lr = step.sums.front().lr;
  for (; begin < end; begin += block) {
    const size_t count = std::min(block, end - begin);
    float* total = step.sums.front().values.data() + begin;
    for (size_t i = 1; i < step.sums.size(); ++i) {
      float* values = step.sums[i].values.data() + begin;
      add_scaled(total, values, 1, count);
      std::fill_n(values, count, 0.0F);
    }
    update(begin, {total, count}, 1, lr);
    std::fill_n(total, count, 0.0F);
  }
}

void Shard::recycle(Step& step) {
  for (Sum& sum : step.sums) free_sums_.push_back(std::move(sum.values));
  if (step.low < step.high) {
    std::fill(step.touched.begin() + static_cast<std::ptrdiff_t>(step.low / word_bits),
              step.touched.begin() + static_cast<std::ptrdiff_t>((step.high - 1) / word_bits) + 1,
              uint64_t{0});
  }
  free_touched_.push_back(std::move(step.touched));
}

void Shard::describe(std::vector<uint64_t>& words,
                     std::vector<std::span<const std::byte>>& payload) const {
  words.push_back(range_.count);
  words.push_back(slots_.size());
  words.push_back(steps_.size());
  payload.push_back(bytes_of(theta_));
  for (const auto& slot : slots_) payload.push_back(bytes_of(slot));
  for (const Step& step : steps_) {
    words.insert(words.end(), {step.clock, step.low, step.high, step.sums.size()});
    for (const Sum& sum : step.sums) {
      words.insert(words.end(), {sum.worker, std::bit_cast<uint32_t>(sum.lr)});
    }
    payload.push_back(bytes_of(step.touched));
    for (const Sum& sum : step.sums) payload.push_back(bytes_of(sum.values));
  }
}

void Shard::restore(std::span<const uint64_t>& words, std::span<const std::byte>& payload) {
  if (take_word(words) != range_.count || take_word(words) != slots_.size()) throw misshapen();
  const uint64_t steps = take_word(words);
  take(payload, theta_);
  for (auto& slot : slots_) take(payload, slot);
  steps_.clear();
  for (uint64_t s = 0; s < steps; ++s) {
    Step& step = step_of(static_cast<uint32_t>(take_word(words)));
    step.low = take_word(words);
    step.high = take_word(words);
    if (step.high > range_.count) throw misshapen();
    const uint64_t count = take_word(words);
    if (count > words.size() / 2) throw misshapen();
    std::vector<uint64_t> sums(count * 2);
    for (uint64_t& word : sums) word = take_word(words);
    take(payload, step.touched);
    for (size_t i = 0; i < sums.size(); i += 2) {
      Sum& sum = sum_of(step, static_cast<uint32_t>(sums[i]));
      sum.lr = std::bit_cast<float>(static_cast<uint32_t>(sums[i + 1]));
      take(payload, sum.values);
    }
  }
}

}  // namespace podium::ps
