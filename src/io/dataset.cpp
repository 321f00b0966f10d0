#include "io/dataset.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/manifest.hpp"
#include "io/record_store.hpp"

namespace podium::io {
namespace {

DatasetInfo info_from(const Manifest& manifest) {
  DatasetInfo info;
  info.name = manifest.name;
  info.digest = manifest.digest;
  info.height = manifest.shape.height;
  info.width = manifest.shape.width;
  info.channels = manifest.shape.channels;
  info.classes = manifest.class_names.size();
  info.class_names = manifest.class_names;
  info.mean = manifest.mean;
  info.stddev = manifest.stddev;
  info.counts = {manifest.train_records - manifest.validation.size(), manifest.validation.size(),
                 manifest.test_records};
  return info;
}

// The records of the train part that `validation` (ascending) leaves.
std::vector<uint32_t> complement(const std::vector<uint32_t>& validation, uint64_t records) {
  std::vector<uint32_t> left;
  left.reserve(records - validation.size());
  auto next = validation.begin();
  for (uint32_t record = 0; record < records; ++record) {
    if (next != validation.end() && *next == record) {
      ++next;
    } else {
      left.push_back(record);
    }
  }
  return left;
}

}  // namespace

const char* split_name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::test:
      return "test";
  }
  return "?";
}

struct Dataset::State {
  State(const std::filesystem::path& folder, Manifest manifest, uint64_t memory_bytes)
      : info(info_from(manifest)),
        train_part(folder, manifest, Part::train, memory_bytes),
        test_part(folder, manifest, Part::test, memory_bytes - train_part.resident_bytes()),
        train(complement(manifest.validation, manifest.train_records)),
        validation(std::move(manifest.validation)) {}

  DatasetInfo info;
  RecordStore train_part;
  RecordStore test_part;
  std::vector<uint32_t> train;       // records of the train part in the train split
  std::vector<uint32_t> validation;  // and in the validation split
};

Dataset::Dataset(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const std::filesystem::path& path, uint64_t memory_bytes) {
  std::error_code ignored;
  if (!std::filesystem::exists(path / manifest_file, ignored)) {
    throw unavailable_error("there is no cache", path.string(), "run `podium ingest` first");
  }
  return Dataset(std::make_unique<State>(path, read_manifest(path / manifest_file), memory_bytes));
}

const DatasetInfo& Dataset::info() const {
  return state_->info;
}

uint64_t Dataset::resident_bytes() const {
  return state_->train_part.resident_bytes() + state_->test_part.resident_bytes();
}

void Dataset::gather(Split split, std::span<const uint32_t> records, std::span<uint8_t> images,
                     std::span<uint8_t> labels) const {
  require(labels.size() == records.size() && images.size() == records.size() * info().image_bytes(),
          "a batch has room for its records", "Dataset::gather");
  for (const uint32_t record : records) {
    require(record < size(split), "a record lies within its split", "Dataset::gather");
  }
  if (split == Split::test) return state_->test_part.gather(records, images, labels);
  const std::vector<uint32_t>& map = split == Split::train ? state_->train : state_->validation;
  std::vector<uint32_t> mapped(records.size());
  std::transform(records.begin(), records.end(), mapped.begin(),
                 [&](uint32_t record) { return map[record]; });
  state_->train_part.gather(mapped, images, labels);
}

}  // namespace podium::io
