// ModelFile: the snapshot that a user means by a path.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "ckpt/snapshot.hpp"
#include "core/device_choice.hpp"
#include "io/image/transform.hpp"
#include "nn/model.hpp"

namespace podium::workflow {

struct ModelFile {
  std::filesystem::path path;
  int version = 0;  // the registry's number; 0: the path named the file itself
};

// `place` is a snapshot, a registry, or a run folder that has one; of the latter two the current
// version is meant. Nothing is created. Throws unavailable_error when no model is published there,
// data_error when there is no such place.
ModelFile find_model(const std::filesystem::path& place);

// A snapshot that describes a model, ready to make models of, one a thread.
class StoredModel {
 public:
  // Reads and verifies the file. Throws data_error naming it when it is damaged or no model.
  explicit StoredModel(std::filesystem::path path);
  // Of a snapshot from elsewhere; `where` names it in messages.
  StoredModel(ckpt::Snapshot snapshot, std::string where);

  const nn::ModelCard& card() const { return card_; }
  // What its images went through at ingest; empty when that is nothing or not known.
  const io::Transform& transform() const { return transform_; }

  // Throws data_error naming the first buffer that holds a value which is no finite number.
  void check_finite() const;

  // For batches of up to `max_batch` on `device`, or on `threads` threads of the CPU. Thread-safe.
  std::unique_ptr<nn::Model> make(int threads, int max_batch,
                                  const DeviceChoice& device = {}) const;

 private:
  std::filesystem::path path_;
  ckpt::Snapshot snapshot_;
  nn::ModelCard card_;
  io::Transform transform_;
};

}  // namespace podium::workflow
