#include "train/training_checkpoint.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "comm/gather.hpp"
#include "core/error.hpp"
#include "nn/ops.hpp"
#include "train/model_snapshot.hpp"

namespace podium::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* momentum_name = "optimizer.momentum";
constexpr const char* average_name = "average.parameters";
constexpr const char* average_statistics_name = "average.statistics";

std::string rank_name(int rank, const char* what) {
  return "rank." + std::to_string(rank) + "." + what;
}

const ckpt::NamedBuffer* find(const ckpt::Snapshot& snapshot, const std::string& name) {
  const auto found = std::ranges::find(snapshot.buffers, name, &ckpt::NamedBuffer::name);
  return found == snapshot.buffers.end() ? nullptr : &*found;
}

void read_flat(const ckpt::Snapshot& snapshot, const std::string& name, std::span<float> values,
               const std::string& where) {
  const ckpt::NamedBuffer* found = find(snapshot, name);
  if (found == nullptr || found->values.size() != values.size()) {
    throw data_error("the checkpoint holds no '" + name + "' of this model", where,
                     "the file holds another architecture");
  }
  std::ranges::copy(found->values, values.begin());
}

std::vector<float> copy_of(std::span<const float> values) {
  return {values.begin(), values.end()};
}

RankState state_of_rank(const TrainingState& state, const EpochSums& sums) {
  RankState mine;
  mine.statistics = copy_of(std::as_const(state.model).statistics());
  if (state.average) mine.average_statistics = copy_of(state.average->statistics());
  mine.sums = sums;
  return mine;
}

// The bytes of a rank's state; their length follows from the model.
std::string pack(const RankState& state) {
  std::string bytes(sizeof(EpochSums), '\0');
  std::memcpy(bytes.data(), &state.sums, sizeof(EpochSums));
  for (const std::vector<float>* values : {&state.statistics, &state.average_statistics}) {
    bytes.append(reinterpret_cast<const char*>(values->data()), values->size() * sizeof(float));
  }
  return bytes;
}

RankState unpack(const std::string& bytes, const RankState& like) {
  RankState state = like;
  const size_t statistics = state.statistics.size() * sizeof(float);
  const size_t average = state.average_statistics.size() * sizeof(float);
  require(bytes.size() == sizeof(EpochSums) + statistics + average,
          "ranks of one model have states of one size", "gather_ranks");
  const char* from = bytes.data();
  std::memcpy(&state.sums, from, sizeof(EpochSums));
  std::copy_n(from + sizeof(EpochSums), statistics,
              reinterpret_cast<char*>(state.statistics.data()));
  std::copy_n(from + sizeof(EpochSums) + statistics, average,
              reinterpret_cast<char*>(state.average_statistics.data()));
  return state;
}

// What all would go on from after an epoch's end, had it been now.
std::vector<float> mean_of(std::span<const RankState> ranks,
                           std::vector<float> RankState::*values) {
  std::vector<float> mean = ranks.front().*values;
  if (ranks.size() == 1) return mean;
  for (const RankState& rank : ranks.subspan(1)) {
    std::ranges::transform(mean, rank.*values, mean.begin(), std::plus<>());
  }
  for (float& value : mean) value /= static_cast<float>(ranks.size());
  return mean;
}

// Something large that all ranks hold alike.
struct Shared {
  std::string name;
  std::vector<uint64_t> shape;
  std::span<const float> values;
};

std::vector<uint64_t> to_unsigned(const std::vector<int64_t>& shape) {
  return {shape.begin(), shape.end()};
}

std::vector<Shared> shared_of(const TrainingState& state) {
  std::vector<Shared> shared;
  const nn::Model& model = state.model;
  const std::span<const float> parameters = model.parameters();
  for (const nn::BufferInfo& info : model.buffers()) {
    if (info.statistic) continue;
    shared.push_back(
        {info.name, to_unsigned(info.shape), parameters.subspan(info.offset, info.count)});
  }
  const std::span<const float> momentum = state.optimizer.momentum_buffer();
  shared.push_back({momentum_name, {momentum.size()}, momentum});
  if (state.average) {
    const std::span<const float> average = std::as_const(*state.average).parameters();
    shared.push_back({average_name, {average.size()}, average});
  }
  return shared;
}

Json sums_of(std::span<const RankState> ranks) {
  Json sums = Json::array();
  for (const RankState& rank : ranks) {
    sums.push_back({rank.sums.loss, rank.sums.correct, rank.sums.images});
  }
  return sums;
}

EpochSums sums_from(const Json& sums, int rank, int world) {
  const auto at = [](const Json& json) {
    return EpochSums{json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>()};
  };
  if (sums.size() == static_cast<size_t>(world)) return at(sums.at(static_cast<size_t>(rank)));
  EpochSums total;
  if (rank != 0) return total;  // what is summed over ranks later
  for (const Json& each : sums) {
    const EpochSums one = at(each);
    total = {total.loss + one.loss, total.correct + one.correct, total.images + one.images};
  }
  return total;
}

}  // namespace

Json to_json(const TrainingIdentity& identity) {
  return {{"recipe", to_json(identity.recipe)}, {"dataset", identity.dataset_digest}};
}

std::vector<RankState> gather_ranks(const TrainingState& state, const TrainingPoint& point,
                                    comm::Communicator& group) {
  const RankState mine = state_of_rank(state, point.sums);
  if (point.epoch_step == 0 || group.size() == 1) return {mine};
  std::vector<RankState> ranks;
  for (const std::string& bytes : comm::gather_texts(group, pack(mine), 0)) {
    ranks.push_back(unpack(bytes, mine));
  }
  return ranks;
}

std::span<float> StateCopy::add(std::string name, std::vector<uint64_t> shape, size_t count) {
  if (used_ == buffers_.size()) buffers_.emplace_back();
  ckpt::NamedBuffer& buffer = buffers_[used_++];
  buffer.name = std::move(name);
  buffer.shape = std::move(shape);
  buffer.values.resize(count);
  return buffer.values;
}

void StateCopy::take(const TrainingState& state, std::span<const RankState> ranks, int part,
                     int parts) {
  used_ = 0;
  pieces_ = Json::object();
  add_shared(state, part, parts);
  if (part == 0) add_ranks(state, ranks);
  state.model.ops().synchronise();
}

// Copied by the backend: where it computes elsewhere, its memory stays there.
void StateCopy::add_shared(const TrainingState& state, int part, int parts) {
  const std::vector<Shared> shared = shared_of(state);
  uint64_t total = 0;
  for (const Shared& each : shared) total += each.values.size();
  const uint64_t begin = total * static_cast<uint64_t>(part) / static_cast<uint64_t>(parts);
  const uint64_t end = total * static_cast<uint64_t>(part + 1) / static_cast<uint64_t>(parts);
  uint64_t at = 0;
  for (const Shared& each : shared) {
    const uint64_t count = each.values.size();
    const uint64_t first = std::clamp(begin, at, at + count) - at;
    const uint64_t mine = std::clamp(end, at, at + count) - at - first;
    at += count;
    if (mine == 0) continue;
    const bool whole = mine == count;
    const auto to = add(each.name, whole ? each.shape : std::vector<uint64_t>{mine}, mine);
    state.model.ops().copy(each.values.subspan(first, mine), to.data());
    if (!whole) pieces_[each.name] = {{"shape", each.shape}, {"first", first}};
  }
}

void StateCopy::add_ranks(const TrainingState& state, std::span<const RankState> ranks) {
  const auto put = [this](std::string name, std::span<const float> values) {
    std::ranges::copy(values, add(std::move(name), {values.size()}, values.size()).begin());
  };
  const std::vector<float> statistics = mean_of(ranks, &RankState::statistics);
  for (const nn::BufferInfo& info : state.model.buffers()) {
    if (!info.statistic) continue;
    const auto to = add(info.name, to_unsigned(info.shape), info.count);
    std::ranges::copy(std::span(statistics).subspan(info.offset, info.count), to.begin());
  }
  if (state.average) {
    put(average_statistics_name, mean_of(ranks, &RankState::average_statistics));
  }
  if (ranks.size() == 1 || statistics.empty()) return;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const auto rank = static_cast<int>(i);
    put(rank_name(rank, "statistics"), ranks[i].statistics);
    if (state.average) put(rank_name(rank, average_statistics_name), ranks[i].average_statistics);
  }
}

Json card_of(const TrainingState& state, const TrainingIdentity& identity,
             const TrainingPoint& point, std::span<const RankState> ranks, int world) {
  const Recipe& recipe = state.recipe;
  return {{"model", nn::to_json(state.model.card())},
          {"identity", to_json(identity)},
          {"progress", to_json(point.progress)},
          {"position",
           {{"step", point.step},
            {"epoch", point.progress.epochs},
            {"epoch_step", point.epoch_step},
            {"generation", point.generation},
            {"seed", recipe.seed}}},
          {"epoch",
           {{"seconds", point.epoch_s},
            {"exposed_comm_s", point.exposed_comm_s},
            {"sums", sums_of(ranks)}}},
          {"schedule",
           {{"kind", "one_cycle"},
            {"peak", recipe.lr},
            {"warmup", recipe.warmup},
            {"final", recipe.final_lr},
            {"step", point.step}}},
          {"losses_above", point.losses_above},
          {"ranks", world}};
}

TrainingPoint point_of(const Json& card, int rank, int world, const std::string& where) {
  try {
    TrainingPoint point;
    point.progress = progress_from_json(card.at("progress"));
    const Json& position = card.at("position");
    point.step = position.at("step");
    point.epoch_step = position.at("epoch_step");
    point.generation = position.at("generation");
    const Json& epoch = card.at("epoch");
    point.epoch_s = epoch.at("seconds");
    point.exposed_comm_s = epoch.at("exposed_comm_s");
    if (point.epoch_step > 0) point.sums = sums_from(epoch.at("sums"), rank, world);
    point.losses_above = card.at("losses_above");
    return point;
  } catch (const Json::exception& error) {
    throw data_error(std::string("not the checkpoint of a training run: ") + error.what(), where,
                     "use an earlier checkpoint, or train the model again");
  }
}

void restore(TrainingState& state, const ckpt::Snapshot& snapshot, int rank, int world,
             const std::string& where) {
  restore(state.model, snapshot, where);
  read_flat(snapshot, momentum_name, state.optimizer.momentum_buffer(), where);
  if (state.average) {
    read_flat(snapshot, average_name, state.average->parameters(), where);
    read_flat(snapshot, average_statistics_name, state.average->statistics(), where);
  }
  const std::string own = rank_name(rank, "statistics");
  if (snapshot.card.value("ranks", 0) != world || find(snapshot, own) == nullptr) return;
  read_flat(snapshot, own, state.model.statistics(), where);
  if (!state.average) return;
  read_flat(snapshot, rank_name(rank, average_statistics_name), state.average->statistics(), where);
}

void restore_for_use(nn::Model& model, const ckpt::Snapshot& snapshot, const std::string& where) {
  if (snapshot.card.value("parts", 1) > 1) {
    throw data_error("this is one part of a checkpoint that several ranks have written", where,
                     "name a model of the registry, or a checkpoint in one file");
  }
  restore(model, snapshot, where);
  if (find(snapshot, average_name) == nullptr) return;
  read_flat(snapshot, average_name, model.parameters(), where);
  read_flat(snapshot, average_statistics_name, model.statistics(), where);
}

}  // namespace podium::train
