#include "train/training_checkpoint.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ckpt/snapshot.hpp"
#include "core/error.hpp"
#include "io/files/atomic_file.hpp"
#include "train/model_snapshot.hpp"

namespace podium::train {
namespace {

constexpr const char* momentum_name = "optimizer.momentum";
constexpr const char* average_name = "average.parameters";
constexpr const char* average_statistics_name = "average.statistics";

nlohmann::ordered_json to_json(const TrainingIdentity& identity) {
  return {{"recipe", to_json(identity.recipe)},
          {"dataset", identity.dataset_digest},
          {"ranks", identity.ranks}};
}

void read_flat(const ckpt::Snapshot& snapshot, const char* name, std::span<float> values,
               const std::filesystem::path& file) {
  const auto found = std::ranges::find(snapshot.buffers, name, &ckpt::NamedBuffer::name);
  if (found == snapshot.buffers.end() || found->values.size() != values.size()) {
    throw data_error(std::string("the checkpoint holds no '") + name + "' of this model",
                     file.string(), "delete the file to train anew");
  }
  std::ranges::copy(found->values, values.begin());
}

void add_flat(ckpt::Snapshot& snapshot, const char* name, std::span<const float> values) {
  snapshot.buffers.push_back({name, {values.size()}, {values.begin(), values.end()}});
}

}  // namespace

void restore_for_use(nn::Model& model, const ckpt::Snapshot& snapshot, const std::string& where) {
  restore(model, snapshot, where);
  if (std::ranges::count(snapshot.buffers, average_name, &ckpt::NamedBuffer::name) == 0) return;
  read_flat(snapshot, average_name, model.parameters(), where);
  read_flat(snapshot, average_statistics_name, model.statistics(), where);
}

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

std::filesystem::path name_aside(const std::filesystem::path& file) {
  for (int number = 1;; ++number) {
    std::filesystem::path name = file;
    name.replace_extension(".old-" + std::to_string(number) + file.extension().string());
    if (!std::filesystem::exists(std::filesystem::symlink_status(name))) return name;
  }
}

std::filesystem::path set_aside(const std::filesystem::path& file) {
  std::filesystem::path name = name_aside(file);
  std::error_code error;
  std::filesystem::rename(file, name, error);
  if (error) throw io_error("cannot rename the old checkpoint", file.string(), error.value());
  io::sync_folder(file.parent_path());
  return name;
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

Progress read_checkpoint(const std::filesystem::path& file, TrainingState& state) {
  const ckpt::Snapshot snapshot = ckpt::read_snapshot(file);
  restore(state.model, snapshot, file.string());
  read_flat(snapshot, momentum_name, state.optimizer.momentum_buffer(), file);
  if (state.average) {
    read_flat(snapshot, average_name, state.average->parameters(), file);
    read_flat(snapshot, average_statistics_name, state.average->statistics(), file);
  }
  try {
    return progress_from_json(snapshot.card.at("progress"));
  } catch (const nlohmann::json::exception&) {
    throw data_error("the checkpoint holds no progress", file.string(),
                     "delete the file to train anew");
  }
}

void write_checkpoint(const std::filesystem::path& file, const TrainingIdentity& identity,
                      const Progress& progress, const TrainingState& state) {
  ckpt::Snapshot snapshot = snapshot_of(state.model);
  snapshot.card["identity"] = to_json(identity);
  snapshot.card["progress"] = to_json(progress);
  add_flat(snapshot, momentum_name, state.optimizer.momentum_buffer());
  if (state.average) {
    add_flat(snapshot, average_name, state.average->parameters());
    add_flat(snapshot, average_statistics_name, state.average->statistics());
  }
  ckpt::write_snapshot(file, snapshot);
}

}  // namespace podium::train
