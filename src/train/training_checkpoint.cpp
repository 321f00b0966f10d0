#include "train/training_checkpoint.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ckpt/snapshot.hpp"
#include "core/error.hpp"
#include "train/model_snapshot.hpp"

namespace podium::train {
namespace {

constexpr const char* momentum_name = "optimizer.momentum";

nlohmann::ordered_json to_json(const TrainingIdentity& identity) {
  return {{"recipe", to_json(identity.recipe)},
          {"dataset", identity.dataset_digest},
          {"ranks", identity.ranks}};
}

}  // namespace

bool may_resume(const std::filesystem::path& file, const TrainingIdentity& identity,
                const Log& log) {
  if (!std::filesystem::exists(file)) return false;
  try {
    const ckpt::Snapshot snapshot = ckpt::read_snapshot(file);
    if (snapshot.card.value("identity", nlohmann::ordered_json()) == to_json(identity)) return true;
    log.warning("starting anew: the checkpoint " + file.string() +
                " is of another recipe, data set or number of trainers");
  } catch (const Error& error) {
    if (error.code() != ExitCode::bad_data) throw;
    log.warning(std::string("starting anew: the checkpoint is refused: ") + error.what());
  }
  return false;
}

std::optional<uint64_t> checkpoint_generation(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return {};
  try {
    return progress_from_json(ckpt::read_snapshot(file).card.at("progress")).generation;
  } catch (const Error&) {
    return {};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

Progress read_checkpoint(const std::filesystem::path& file, nn::Model& model, nn::Sgd& optimizer) {
  const ckpt::Snapshot snapshot = ckpt::read_snapshot(file);
  restore(model, snapshot, file.string());
  const auto momentum =
      std::ranges::find(snapshot.buffers, momentum_name, &ckpt::NamedBuffer::name);
  if (momentum == snapshot.buffers.end() ||
      momentum->values.size() != optimizer.momentum_buffer().size()) {
    throw data_error("the checkpoint holds no momentum of this model", file.string(),
                     "delete the file to train anew");
  }
  std::ranges::copy(momentum->values, optimizer.momentum_buffer().begin());
  try {
    return progress_from_json(snapshot.card.at("progress"));
  } catch (const nlohmann::json::exception&) {
    throw data_error("the checkpoint holds no progress", file.string(),
                     "delete the file to train anew");
  }
}

void write_checkpoint(const std::filesystem::path& file, const TrainingIdentity& identity,
                      const Progress& progress, const nn::Model& model, const nn::Sgd& optimizer) {
  ckpt::Snapshot snapshot = snapshot_of(model);
  snapshot.card["identity"] = to_json(identity);
  snapshot.card["progress"] = to_json(progress);
  const std::span<const float> momentum = optimizer.momentum_buffer();
  snapshot.buffers.push_back(
      {momentum_name, {momentum.size()}, {momentum.begin(), momentum.end()}});
  ckpt::write_snapshot(file, snapshot);
}

}  // namespace podium::train
