// Arrays of images in one file: IDX, and HDF5 that others wrote. All have one shape, so one
// transform brings them all to the wanted one.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.hpp"
#include "io/input/image_input.hpp"
#include "io/sources/hdf5_pair.hpp"
#include "io/sources/hdf5_source.hpp"
#include "io/sources/idx.hpp"
#include "io/sources/labels.hpp"
#include "io/sources/transformed_source.hpp"

namespace podium::io {
namespace {

namespace fs = std::filesystem;

// Opens the originals at a record.
using OpenOriginals = std::function<std::unique_ptr<RecordStream>(uint64_t first)>;

class ArrayInput final : public ImageInput {
 public:
  ArrayInput(InputInfo info, const ImageShape& shape, Transform transform, OpenOriginals originals)
      : ImageInput(std::move(info)),
        shape_(shape),
        transform_(std::move(transform)),
        originals_(std::move(originals)) {}

  std::unique_ptr<RecordStream> open(uint64_t first) const override {
    return transformed(originals_(first), shape_, transform_);
  }

 private:
  ImageShape shape_;
  Transform transform_;
  OpenOriginals originals_;
};

// --- IDX -----------------------------------------------------------------------------------------

class IdxStream final : public RecordStream {
 public:
  IdxStream(const fs::path& images, const fs::path& labels, uint64_t classes, uint64_t first)
      : images_(images), classes_(classes) {
    images_.skip(first);
    if (labels.empty()) return;
    labels_.emplace(labels);
    labels_->skip(first);
  }

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    images_.read(images);
    std::ranges::fill(labels, uint8_t{0});
    if (!labels_) return;
    labels_->read(labels);
    const auto wrong =
        std::ranges::find_if(labels, [&](uint8_t label) { return label >= classes_; });
    if (wrong != labels.end()) throw label_error(*wrong, classes_, labels_->where());
  }

  void finish() override {
    images_.finish();
    if (labels_) labels_->finish();
  }

 private:
  IdxReader images_;
  std::optional<IdxReader> labels_;
  uint64_t classes_;
};

// "t10k-images-idx3-ubyte.gz" has its labels in "t10k-labels-idx1-ubyte.gz", or without ".gz".
// Empty when there is no such file.
fs::path labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  for (const char* published : {"images-idx3-ubyte", "images.idx3-ubyte", "images-idx4-ubyte"}) {
    const size_t at = name.find(published);
    if (at == std::string::npos) continue;
    name.replace(at, 6, "labels");
    const size_t rank = name.find("idx", at);
    name[rank + 3] = '1';
    std::error_code ignored;
    for (const char* suffix : {"", ".gz"}) {
      const fs::path path = images.parent_path() / (name + suffix);
      if (fs::is_regular_file(path, ignored)) return path;
    }
  }
  return {};
}

// The labels of `records` images, if there is a file of them that fits.
fs::path fitting_labels(const fs::path& images, uint64_t records, const Log& log) {
  fs::path path = labels_beside(images);
  if (path.empty()) return path;
  const IdxReader labels(path);
  if (labels.dimensions().size() == 1 && labels.records() == records) {
    log.info("labels from " + path.string());
    return path;
  }
  log.warning(path.string() + " has no label for each image: it is not used");
  return {};
}

// --- HDF5 ----------------------------------------------------------------------------------------

class Hdf5Stream final : public RecordStream {
 public:
  Hdf5Stream(const Hdf5Place& place, uint64_t classes, uint64_t first)
      : pair_(place), classes_(classes), next_(first) {}

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    pair_.read(next_, images, labels, classes_);
    next_ += labels.size();
  }

  void finish() override {
    require(next_ == pair_.records(), "a stream ends at its last record", "Hdf5Stream");
  }

 private:
  Hdf5Pair pair_;
  uint64_t classes_;
  uint64_t next_;
};

}  // namespace

std::unique_ptr<ImageInput> open_idx(const fs::path& path, const InputOptions& options) {
  const IdxReader images(path);
  const std::vector<uint32_t>& size = images.dimensions();
  if (size.size() < 3) {
    throw data_error("an IDX file of images has rank 3 or 4; this one has labels", path.string(),
                     "give the file of images");
  }
  const ImageShape shape{size[1], size[2], size.size() == 4 ? size[3] : 1};
  InputInfo info;
  info.text = options.text;
  info.split = "all";
  info.records = images.records();
  const fs::path labels = fitting_labels(path, info.records, options.log);
  info.labelled = !labels.empty();
  const auto originals = [path, labels, classes = options.classes](uint64_t first) {
    return std::make_unique<IdxStream>(path, labels, classes, first);
  };
  return std::make_unique<ArrayInput>(std::move(info), shape,
                                      options.fit.for_shape(shape, path.string()), originals);
}

std::unique_ptr<ImageInput> open_hdf5(const fs::path& path, const InputOptions& options) {
  Hdf5Place place{path, "images", ""};
  InputInfo info;
  {
    const GuardedHdf5File file(path);
    if (file.find("labels") != GuardedHdf5File::Object::none) place.labels = "labels";
    info.class_names = hdf5_class_names(file, path.string());
  }
  const Hdf5Pair pair(place);
  info.text = options.text;
  info.split = "all";
  info.records = pair.records();
  info.labelled = !place.labels.empty();
  const uint64_t classes = info.class_names.empty() ? options.classes : info.class_names.size();
  const auto originals = [place, classes](uint64_t first) {
    return std::make_unique<Hdf5Stream>(place, classes, first);
  };
  return std::make_unique<ArrayInput>(
      std::move(info), pair.shape(), options.fit.for_shape(pair.shape(), path.string()), originals);
}

}  // namespace podium::io
