#include "io/sources/hdf5_source.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/files/guarded_hdf5.hpp"
#include "io/sources/file_digest.hpp"
#include "io/sources/hdf5_pair.hpp"
#include "io/sources/held_out.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

using Object = GuardedHdf5File::Object;

constexpr uint64_t label_batch = 1 << 16;
class Hdf5RecordStream final : public RecordStream {
 public:
  Hdf5RecordStream(const Hdf5Place& place, const PartRecords& records, const ImageShape& shape,
                   uint64_t stored_records, uint64_t first, uint64_t classes)
      : part_(place),
        records_(records),
        image_bytes_(shape.bytes()),
        next_(first),
        classes_(classes) {
    if (part_.shape() != shape || part_.records() != stored_records) {
      throw data_error("the file has changed since it was opened", place.file.string(),
                       "start again when it is complete");
    }
  }

  // Reads what is consecutive in the file at once.
  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    require(
        images.size() == labels.size() * image_bytes_ && next_ + labels.size() <= records_.count(),
        "an HDF5 batch lies within its source", "Hdf5RecordStream::read");
    for (size_t begin = 0; begin < labels.size();) {
      const uint64_t stored = records_.stored(next_ + begin);
      size_t end = begin + 1;
      while (end < labels.size() && records_.stored(next_ + end) == stored + (end - begin)) ++end;
      part_.read(stored, images.subspan(begin * image_bytes_, (end - begin) * image_bytes_),
                 labels.subspan(begin, end - begin), classes_);
      begin = end;
    }
    next_ += labels.size();
  }

  void finish() override {
    require(next_ == records_.count(), "an HDF5 stream ends at its last record",
            "Hdf5RecordStream::finish");
  }

 private:
  Hdf5Pair part_;
  PartRecords records_;
  size_t image_bytes_;
  uint64_t next_;
  uint64_t classes_;
};

// A part as it is stored, and which of its records belong to the source's part.
struct Hdf5Part {
  Hdf5Place place;
  PartRecords records;
  uint64_t stored_records;
};

class Hdf5Source final : public Source {
 public:
  Hdf5Source(SourceInfo info, Hdf5Part train, Hdf5Part test)
      : Source(std::move(info)), parts_{std::move(train), std::move(test)} {}

  std::unique_ptr<RecordStream> open(Part part, uint64_t first) const override {
    const Hdf5Part& opened = parts_[static_cast<size_t>(part)];
    return std::make_unique<Hdf5RecordStream>(opened.place, opened.records, info().shape,
                                              opened.stored_records, first,
                                              info().class_names.size());
  }

  uint64_t digest() const override {
    Xxh3Stream digest;
    add_file(digest, parts_[0].place.file);
    if (parts_[1].place.file != parts_[0].place.file) add_file(digest, parts_[1].place.file);
    return digest.digest();
  }

 private:
  std::array<Hdf5Part, 2> parts_;
};

bool has_any(const GuardedHdf5File& file, const char* images, const char* labels) {
  return file.find(images) != Object::none || file.find(labels) != Object::none;
}

// Where the parts of `files` are; the second is empty without a test part.
struct Places {
  Hdf5Place train;
  std::optional<Hdf5Place> test;
};

Places find_places(const Hdf5Files& files) {
  const GuardedHdf5File file(files.train);
  if (!files.test.empty()) {
    return {{files.train, "images", "labels"}, Hdf5Place{files.test, "images", "labels"}};
  }
  Places places;
  if (has_any(file, "images", "labels")) {
    places.train = {files.train, "images", "labels"};
    if (has_any(file, "test_images", "test_labels")) {
      places.test = {files.train, "test_images", "test_labels"};
    }
  } else if (file.find("train") == Object::group) {
    places.train = {files.train, "train/images", "train/labels"};
    if (file.find("test") != Object::none) {
      places.test = {files.train, "test/images", "test/labels"};
    }
  } else {
    throw data_error("neither a dataset images nor a group train", files.train.string(),
                     hdf5_schema);
  }
  return places;
}

// The largest of all labels, each of which is below `classes`.
uint64_t largest_label(const Hdf5Pair& part, uint64_t classes) {
  std::vector<int64_t> labels;
  int64_t largest = 0;
  for (uint64_t first = 0; first < part.records(); first += labels.size()) {
    labels.resize(std::min(label_batch, part.records() - first));
    part.read_labels(first, labels, classes);
    largest = std::max(largest, *std::max_element(labels.begin(), labels.end()));
  }
  return static_cast<uint64_t>(largest);
}

// The classes of the train part; every label is one of them.
std::vector<std::string> find_classes(const Hdf5Pair& train, const Hdf5Place& place) {
  std::vector<std::string> names = hdf5_class_names(train.file(), place.file.string());
  const uint64_t largest = largest_label(train, names.empty() ? classes_limit : names.size());
  if (names.empty()) names = numbered_classes(largest + 1);
  check_class_count(names.size(), place.file.string() + " dataset " + place.labels);
  return names;
}

void warn_of_channels_first(const Hdf5Pair& part, const Log& log) {
  const ImageShape shape = part.shape();
  constexpr size_t most_channels = 4;
  const bool is_odd = shape.height == 1 || shape.height == 3;
  if (!is_odd || shape.channels <= most_channels) return;
  log.warning(part.images_where() +
              " looks like [N,C,H,W]; it is read as [N,H,W,C]. Transpose it if that is wrong");
}

}  // namespace

std::vector<std::string> hdf5_class_names(const GuardedHdf5File& file, const std::string& path) {
  const std::optional<std::string> text = file.text_attribute("class_names");
  if (!text) return {};
  std::vector<std::string> names;
  const auto list = nlohmann::json::parse(*text, nullptr, false);
  bool ok = list.is_array();
  for (size_t i = 0; ok && i < list.size(); ++i) {
    ok = list[i].is_string();
    if (ok) names.push_back(list[i].get<std::string>());
  }
  if (!ok) {
    throw data_error("class_names is no JSON list of texts", path + " attribute class_names",
                     "write it like [\"cat\", \"dog\"]");
  }
  check_class_count(names.size(), path + " attribute class_names");
  return names;
}

std::optional<Hdf5Files> find_hdf5_files(const std::filesystem::path& folder) {
  const auto find = [&](const std::string& stem) -> std::filesystem::path {
    for (const char* suffix : {".h5", ".hdf5"}) {
      if (is_hdf5_file(folder / (stem + suffix))) return folder / (stem + suffix);
    }
    return {};
  };
  Hdf5Files files{find("train"), find("test")};
  if (files.train.empty()) return {};
  if (files.test.empty()) {
    throw data_error("no HDF5 file test.h5 beside " + files.train.filename().string(),
                     folder.string(),
                     "add it, or give the path of the train file to hold out a part of it");
  }
  return files;
}

std::unique_ptr<Source> open_hdf5_source(const Hdf5Files& files, std::string name, std::string text,
                                         std::string location, const SourceOptions& options) {
  const Places places = find_places(files);
  const Hdf5Pair train(places.train);
  warn_of_channels_first(train, options.log);
  SourceInfo info;
  info.name = std::move(name);
  info.text = std::move(text);
  info.shape = train.shape();
  info.class_names = find_classes(train, places.train);

  Hdf5Part train_part{places.train, PartRecords::all(train.records()), train.records()};
  Hdf5Part test_part = train_part;
  if (places.test) {
    const Hdf5Pair test(*places.test);
    if (test.shape() != info.shape) {
      throw data_error("train and test images have different sizes", test.images_where(),
                       "resize one of them");
    }
    largest_label(test, info.class_names.size());  // throws for a label that is no class
    test_part = {*places.test, PartRecords::all(test.records()), test.records()};
  } else {
    const auto parts = split_off_test(train.records(), location, options);
    train_part.records = parts[0];
    test_part.records = parts[1];
  }
  info.location = std::move(location);
  info.train_records = train_part.records.count();
  info.test_records = test_part.records.count();
  return std::make_unique<Hdf5Source>(std::move(info), std::move(train_part), std::move(test_part));
}

}  // namespace podium::io
