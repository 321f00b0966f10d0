#include "io/sources/idx_source.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/sources/file_digest.hpp"
#include "io/sources/idx.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

constexpr uint64_t label_batch = 1 << 16;
constexpr uint64_t records_limit = uint64_t{1} << 32;

// [N,H,W] or [N,H,W,C] as one shape.
ImageShape image_shape(const IdxReader& images) {
  const std::vector<uint32_t>& size = images.dimensions();
  if (size.size() < 3) {
    throw data_error("an IDX file of images has rank 3 or 4; this one has labels", images.where(),
                     "check which file is which");
  }
  return {size[1], size[2], size.size() == 4 ? size[3] : 1};
}

void check_pair(const IdxReader& images, const IdxReader& labels) {
  if (labels.dimensions().size() != 1) {
    throw data_error("an IDX file of labels has rank 1; this one has images", labels.where(),
                     "check which file is which");
  }
  if (images.records() == 0 || images.records() >= records_limit) {
    throw data_error("a data set has 1 to 2^32 - 1 images", images.where(), "check the file");
  }
  if (images.records() != labels.records()) {
    throw data_error("as many labels as images are needed: " + std::to_string(images.records()) +
                         " images but " + std::to_string(labels.records()) + " labels",
                     labels.where(), "check that both files belong together");
  }
}

constexpr uint64_t label_header_bytes = 8;

class IdxRecordStream final : public RecordStream {
 public:
  IdxRecordStream(const IdxFiles& files, Part part, uint64_t first, size_t classes)
      : images_(files.images(part)),
        labels_(files.labels(part)),
        label_path_(files.labels(part)),
        classes_(classes),
        next_(first) {
    check_pair(images_, labels_);
    images_.skip(first);
    labels_.skip(first);
  }

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    require(images.size() == labels.size() * images_.record_bytes(),
            "images and labels of one batch have the same count", "IdxRecordStream::read");
    images_.read(images);
    labels_.read(labels);
    for (const uint8_t label : labels) {
      if (label >= classes_) {
        throw label_error(
            label, classes_,
            label_path_.string() + " at byte " + std::to_string(label_header_bytes + next_));
      }
      ++next_;
    }
  }

  void finish() override {
    images_.finish();
    labels_.finish();
  }

 private:
  IdxReader images_;
  IdxReader labels_;
  std::filesystem::path label_path_;
  size_t classes_;
  uint64_t next_;  // record
};

uint64_t digest_of(const IdxFiles& files) {
  Xxh3Stream digest;
  for (const auto* path :
       {&files.train_images, &files.train_labels, &files.test_images, &files.test_labels}) {
    add_file(digest, *path);
  }
  return digest.digest();
}

class IdxSource final : public Source {
 public:
  IdxSource(SourceInfo info, IdxFiles files) : Source(std::move(info)), files_(std::move(files)) {}

  std::unique_ptr<RecordStream> open(Part part, uint64_t first) const override {
    return std::make_unique<IdxRecordStream>(files_, part, first, info().class_names.size());
  }

  uint64_t digest() const override { return digest_of(files_); }

 private:
  IdxFiles files_;
};

// "0", "1", ... up to the largest label of the train part.
std::vector<std::string> count_classes(const std::filesystem::path& labels) {
  IdxReader reader(labels);
  std::vector<uint8_t> batch(label_batch);
  uint8_t largest = 0;
  for (uint64_t left = reader.records(); left > 0;) {
    batch.resize(std::min<uint64_t>(left, label_batch));
    reader.read(batch);
    largest = std::max(largest, *std::max_element(batch.begin(), batch.end()));
    left -= batch.size();
  }
  return numbered_classes(uint64_t{largest} + 1);
}

// Published names and their usual variations: "idx4" for colour, and a dot before "idx".
std::vector<std::string> variations(const std::string& name) {
  std::vector<std::string> names{name};
  const size_t dash = name.find("-idx");
  std::string dotted = name;
  dotted[dash] = '.';
  names.push_back(dotted);
  if (const size_t rank = name.find("idx3"); rank != std::string::npos) {
    std::string colour = name;
    colour[rank + 3] = '4';
    names.push_back(colour);
  }
  return names;
}

std::optional<std::filesystem::path> find_variation(const std::filesystem::path& folder,
                                                    const std::string& name) {
  for (const std::string& variation : variations(name)) {
    for (const char* suffix : {".gz", ""}) {
      std::error_code ignored;
      const std::filesystem::path path = folder / (variation + suffix);
      if (std::filesystem::is_regular_file(path, ignored)) return path;
    }
  }
  return {};
}

}  // namespace

std::optional<IdxFiles> find_idx_files(const std::filesystem::path& folder) {
  std::array<std::filesystem::path, idx_file_names.size()> paths;
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto found = find_variation(folder, idx_file_names[i]);
    if (!found) return {};
    paths[i] = *found;
  }
  return IdxFiles{paths[0], paths[1], paths[2], paths[3]};
}

std::optional<std::string> missing_idx_file(const std::filesystem::path& folder) {
  const auto is_missing = [&](const char* name) { return !find_variation(folder, name); };
  const auto missing = std::ranges::find_if(idx_file_names, is_missing);
  if (missing == idx_file_names.end() || std::ranges::all_of(idx_file_names, is_missing)) return {};
  return *missing;
}

std::unique_ptr<Source> open_idx_source(const IdxFiles& files, std::string name, std::string text,
                                        std::string location,
                                        std::vector<std::string> class_names) {
  const IdxReader train_images(files.train_images);
  const IdxReader test_images(files.test_images);
  check_pair(train_images, IdxReader(files.train_labels));
  check_pair(test_images, IdxReader(files.test_labels));

  SourceInfo info;
  info.name = std::move(name);
  info.text = std::move(text);
  info.location = std::move(location);
  info.shape = image_shape(train_images);
  if (info.shape != image_shape(test_images)) {
    throw data_error("train and test images have different sizes", test_images.where(),
                     "check that the files belong together");
  }
  info.train_records = train_images.records();
  info.test_records = test_images.records();
  info.class_names =
      class_names.empty() ? count_classes(files.train_labels) : std::move(class_names);
  return std::make_unique<IdxSource>(std::move(info), files);
}

}  // namespace podium::io
