// Data sets with parts of their own: the test part of a source, and a split of a cache.
#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "io/input/image_input.hpp"
#include "io/sources/transformed_source.hpp"

namespace podium::io {
namespace {

class TestPart final : public ImageInput {
 public:
  TestPart(InputInfo info, std::unique_ptr<Source> source)
      : ImageInput(std::move(info)), source_(std::move(source)) {}

  std::unique_ptr<RecordStream> open(uint64_t first) const override {
    return source_->open(Part::test, first);
  }

 private:
  std::unique_ptr<Source> source_;
};

// Reads whole blocks of the cache, so that each is read once however small the batches are.
class SplitStream final : public RecordStream {
 public:
  SplitStream(const Dataset& dataset, Split split, uint64_t first)
      : dataset_(dataset), split_(split), next_(first) {}

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    const size_t bytes = dataset_.info().image_bytes();
    for (size_t done = 0; done < labels.size();) {
      if (taken_ == labels_.size()) refill();
      const size_t count = std::min(labels.size() - done, labels_.size() - taken_);
      std::copy_n(images_.data() + taken_ * bytes, count * bytes, images.data() + done * bytes);
      std::copy_n(labels_.data() + taken_, count, labels.data() + done);
      taken_ += count;
      done += count;
    }
  }

  void finish() override {
    require(taken_ == labels_.size() && next_ == dataset_.size(split_),
            "a stream ends at its last record", "SplitStream");
  }

 private:
  // Takes the rest of the block that the next record lies in.
  void refill() {
    require(next_ < dataset_.size(split_), "a batch lies within its split", "SplitStream");
    const std::vector<uint32_t>& starts = dataset_.block_starts(split_);
    const uint64_t end = *std::ranges::upper_bound(starts, next_);
    records_.resize(end - next_);
    std::iota(records_.begin(), records_.end(), static_cast<uint32_t>(next_));
    images_.resize(records_.size() * dataset_.info().image_bytes());
    labels_.resize(records_.size());
    dataset_.gather(split_, records_, images_, labels_);
    next_ = end;
    taken_ = 0;
  }

  const Dataset& dataset_;
  Split split_;
  uint64_t next_;  // record to read
  std::vector<uint32_t> records_;
  std::vector<uint8_t> images_;
  std::vector<uint8_t> labels_;
  size_t taken_ = 0;  // of those read
};

class SplitInput final : public ImageInput {
 public:
  SplitInput(InputInfo info, std::shared_ptr<const Dataset> dataset, Split split,
             const ImageShape& shape, Transform transform)
      : ImageInput(std::move(info)),
        dataset_(std::move(dataset)),
        split_(split),
        shape_(shape),
        transform_(std::move(transform)) {}

  std::unique_ptr<RecordStream> open(uint64_t first) const override {
    return transformed(std::make_unique<SplitStream>(*dataset_, split_, first), shape_, transform_);
  }

 private:
  std::shared_ptr<const Dataset> dataset_;
  Split split_;
  ImageShape shape_;
  Transform transform_;
};

}  // namespace

std::unique_ptr<ImageInput> open_test_part(const std::string& source, const InputOptions& options) {
  SourceOptions source_options = options.source;
  source_options.source = source;
  source_options.transform = options.fit.given();
  source_options.log = options.log;
  std::unique_ptr<Source> opened = open_source(source_options);
  if (source_options.transform.empty()) {
    source_options.transform = options.fit.for_shape(opened->info().shape, source);
    source_options.log = options.log.at_most(LogLevel::error);  // all was told before
    if (!source_options.transform.empty()) opened = open_source(source_options);
  }
  if (opened->info().shape != options.fit.wanted()) {
    throw data_error("the transform makes images of " + shape_text(opened->info().shape) +
                         ", the model takes " + shape_text(options.fit.wanted()),
                     source, "change --io.transform");
  }
  InputInfo info;
  info.text = options.text;
  info.split = split_name(Split::test);
  info.records = opened->info().test_records;
  info.labelled = true;
  info.class_names = opened->info().class_names;
  return std::make_unique<TestPart>(std::move(info), std::move(opened));
}

std::unique_ptr<ImageInput> split_of(std::shared_ptr<const Dataset> dataset, Split split,
                                     const std::string& text, const Fit& fit) {
  const DatasetInfo& data = dataset->info();
  const ImageShape shape{data.height, data.width, data.channels};
  InputInfo info;
  info.text = text;
  info.split = split_name(split);
  info.records = dataset->size(split);
  info.labelled = true;
  info.class_names = data.class_names;
  return std::make_unique<SplitInput>(std::move(info), std::move(dataset), split, shape,
                                      fit.for_shape(shape, text));
}

}  // namespace podium::io
