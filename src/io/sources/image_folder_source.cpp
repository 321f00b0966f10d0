#include "io/sources/image_folder_source.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/image/fit.hpp"
#include "io/sources/file_digest.hpp"
#include "io/sources/held_out.hpp"
#include "io/sources/image_file.hpp"

namespace podium::io {
namespace {

constexpr uint64_t image_bytes_limit = uint64_t{1} << 24;

std::filesystem::path path_of(const ImageList& list, const ImagePart& part,
                              const ImageEntry& image) {
  return part.folder / list.classes[image.label] / image.file;
}

// Which step would give `found` the shape `wanted`.
std::string remedy_for(const ImageShape& found, const ImageShape& wanted) {
  return "make all images equal, for instance by --io.transform=\"" + steps_between(found, wanted) +
         "\"";
}

class ImageFolderSource final : public Source {
 public:
  ImageFolderSource(SourceInfo info, ImageList list, std::array<PartRecords, 2> records,
                    const Transform& transform)
      : Source(std::move(info)),
        list_(std::move(list)),
        records_(std::move(records)),
        transform_(transform) {}

  std::unique_ptr<RecordStream> open(Part part, uint64_t first) const override;

  uint64_t digest() const override {
    Xxh3Stream digest;
    add_part(digest, list_.train, Part::train);
    if (list_.test) add_part(digest, *list_.test, Part::test);
    return digest.digest();
  }

  const PartRecords& records(Part part) const { return records_[static_cast<size_t>(part)]; }

  // Reads record `k` of `part` into `pixels`; returns its label.
  uint8_t read(Part part, uint64_t k, std::span<uint8_t> pixels) const {
    const ImagePart& stored = part == Part::test && list_.test ? *list_.test : list_.train;
    const ImageEntry& entry = stored.images[records(part).stored(k)];
    const std::filesystem::path path = path_of(list_, stored, entry);
    const Image image = read_image(path);
    const ImageShape shape = transformed_shape(image.shape, path);
    if (shape != info().shape) {
      throw data_error(
          "an image of " + shape_text(shape) + " in a set of " + shape_text(info().shape),
          path.string(), remedy_for(shape, info().shape));
    }
    if (transform_.empty()) {
      std::copy(image.pixels.begin(), image.pixels.end(), pixels.begin());
    } else {
      transform_.apply(image.shape, image.pixels, pixels);
    }
    return entry.label;
  }

 private:
  // A transform that takes the set's first image but not this one: the image is to blame.
  ImageShape transformed_shape(const ImageShape& shape, const std::filesystem::path& path) const {
    try {
      return transform_.output(shape);
    } catch (const Error& error) {
      throw data_error(
          "the transform cannot take an image of " + shape_text(shape) + ": " + error.what(),
          path.string(), "change the transform, or remove the image");
    }
  }

  void add_part(Xxh3Stream& digest, const ImagePart& stored, Part part) const {
    const std::string name = part_name(part);
    digest.update(std::as_bytes(std::span(name)));
    for (const ImageEntry& image : stored.images) {
      const std::string relative = list_.relative(image) + '\0';
      digest.update(std::as_bytes(std::span(relative)));
      add_file(digest, path_of(list_, stored, image));
    }
  }

  ImageList list_;
  std::array<PartRecords, 2> records_;
  Transform transform_;
};

class ImageFolderStream final : public RecordStream {
 public:
  ImageFolderStream(const ImageFolderSource& source, Part part, uint64_t first)
      : source_(source), part_(part), next_(first) {}

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    const size_t image_bytes = source_.info().shape.bytes();
    require(images.size() == labels.size() * image_bytes &&
                next_ + labels.size() <= source_.info().records(part_),
            "a batch lies within its source", "ImageFolderStream::read");
    for (size_t i = 0; i < labels.size(); ++i, ++next_) {
      labels[i] = source_.read(part_, next_, images.subspan(i * image_bytes, image_bytes));
    }
  }

  void finish() override {
    require(next_ == source_.info().records(part_), "a stream ends at its last record",
            "ImageFolderStream::finish");
  }

 private:
  const ImageFolderSource& source_;
  Part part_;
  uint64_t next_;
};

std::unique_ptr<RecordStream> ImageFolderSource::open(Part part, uint64_t first) const {
  return std::make_unique<ImageFolderStream>(*this, part, first);
}

std::array<PartRecords, 2> records_of(const ImageList& list, const std::string& place,
                                      const SourceOptions& options) {
  const uint64_t train = list.train.images.size();
  if (list.test) return {PartRecords::all(train), PartRecords::all(list.test->images.size())};
  return split_off_test(train, place, options);
}

}  // namespace

std::unique_ptr<Source> open_image_folder_source(ImageList list, std::string name, std::string text,
                                                 std::string location,
                                                 const SourceOptions& options) {
  const std::filesystem::path first = path_of(list, list.train, list.train.images.front());
  SourceInfo info;
  info.shape = options.transform.output(read_image(first).shape);
  if (info.shape.bytes() > image_bytes_limit) {
    throw data_error("an image of " + shape_text(info.shape) + ": a set's have up to 16 MiB",
                     first.string(),
                     "scale them down, for instance by --io.transform=\"resize "
                     "224 224\"");
  }
  const std::array<PartRecords, 2> records = records_of(list, location, options);
  info.name = std::move(name);
  info.text = std::move(text);
  info.location = std::move(location);
  info.class_names = list.classes;
  info.train_records = records[0].count();
  info.test_records = records[1].count();
  return std::make_unique<ImageFolderSource>(std::move(info), std::move(list), records,
                                             options.transform);
}

}  // namespace podium::io
