#include "workflow/model_file.hpp"

#include <algorithm>
#include <cmath>

#include "ckpt/registry.hpp"
#include "core/error.hpp"
#include "nn/backend.hpp"
#include "train/training_checkpoint.hpp"

namespace podium::workflow {
namespace {

namespace fs = std::filesystem;

nn::ModelCard card_of(const ckpt::Snapshot& snapshot, const fs::path& path) {
  if (!snapshot.card.is_object() || !snapshot.card.contains("model")) {
    throw data_error("the snapshot describes no model", path.string(), "publish a model again");
  }
  return nn::model_card_from_json(snapshot.card.at("model"), path.string());
}

io::Transform transform_of(const ckpt::Snapshot& snapshot, const fs::path& path) {
  const auto found = snapshot.card.find("transform");
  if (found == snapshot.card.end()) return {};
  if (found->is_string()) return io::Transform::parse(found->get<std::string>());
  throw data_error("the card's transform is no text", path.string(), "train the model again");
}

}  // namespace

ModelFile find_model(const fs::path& place) {
  std::error_code error;
  const fs::file_status status = fs::status(place, error);
  if (!fs::exists(status)) {
    throw data_error("no such model", place.string(),
                     "give a snapshot, a registry or a run folder");
  }
  if (!fs::is_directory(status)) return {place, 0};
  const fs::path registry =
      fs::is_directory(place / "registry", error) ? place / "registry" : place;
  const auto current = fs::exists(registry / "current.json", error)
                           ? ckpt::Registry(registry).current()
                           : std::nullopt;
  if (!current) {
    throw unavailable_error("no model is published", registry.string(),
                            "train one and run podium select, with the same run.dir");
  }
  return {current->path, current->number};
}

StoredModel::StoredModel(fs::path path) : StoredModel(ckpt::read_snapshot(path), path.string()) {}

StoredModel::StoredModel(ckpt::Snapshot snapshot, std::string where)
    : path_(std::move(where)),
      snapshot_(std::move(snapshot)),
      card_(card_of(snapshot_, path_)),
      transform_(transform_of(snapshot_, path_)) {}

void StoredModel::check_finite() const {
  const auto is_finite = [](float value) { return std::isfinite(value); };
  for (const ckpt::NamedBuffer& buffer : snapshot_.buffers) {
    if (std::ranges::all_of(buffer.values, is_finite)) continue;
    throw data_error("buffer '" + buffer.name + "' holds values that are no finite numbers",
                     path_.string(), "train the model again, with a lower learning rate");
  }
}

std::unique_ptr<nn::Model> StoredModel::make(int threads, int max_batch,
                                             const DeviceChoice& device) const {
  auto model = std::make_unique<nn::Model>(card_, nn::make_ops(device, threads), max_batch,
                                           nn::Model::Weights::blank);
  train::restore_for_use(*model, snapshot_, path_.string());
  return model;
}

}  // namespace podium::workflow
