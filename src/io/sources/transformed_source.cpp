#include "io/sources/transformed_source.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr size_t scratch_bytes = size_t{4} << 20;  // or one image, if that is larger

class TransformedStream : public RecordStream {
 public:
  TransformedStream(std::unique_ptr<RecordStream> base, const ImageShape& input,
                    const Transform& transform)
      : base_(std::move(base)),
        input_(input),
        transform_(transform),
        output_bytes_(transform.output(input).bytes()),
        batch_(std::max<size_t>(1, scratch_bytes / input.bytes())) {}

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    require(images.size() == labels.size() * output_bytes_, "images match labels",
            "TransformedStream::read");
    scratch_.resize(std::max(scratch_.size(), std::min(batch_, labels.size()) * input_.bytes()));
    for (size_t done = 0; done < labels.size();) {
      const size_t count = std::min(batch_, labels.size() - done);
      const std::span<uint8_t> originals(scratch_.data(), count * input_.bytes());
      base_->read(originals, labels.subspan(done, count));
      for (size_t i = 0; i < count; ++i) {
        transform_.apply(input_, originals.subspan(i * input_.bytes(), input_.bytes()),
                         images.subspan((done + i) * output_bytes_, output_bytes_));
      }
      done += count;
    }
  }

  void finish() override { base_->finish(); }

 private:
  std::unique_ptr<RecordStream> base_;
  ImageShape input_;
  Transform transform_;
  size_t output_bytes_;
  size_t batch_;  // images read at a time
  std::vector<uint8_t> scratch_;
};

SourceInfo info_of(const Source& base, const Transform& transform) {
  SourceInfo info = base.info();
  info.shape = transform.output(info.shape);
  return info;
}

class TransformedSource : public Source {
 public:
  TransformedSource(std::unique_ptr<Source> base, const Transform& transform)
      : Source(info_of(*base, transform)), base_(std::move(base)), transform_(transform) {}

  uint64_t digest() const override { return base_->digest(); }

  std::unique_ptr<RecordStream> open(Part part, uint64_t first) const override {
    return transformed(base_->open(part, first), base_->info().shape, transform_);
  }

 private:
  std::unique_ptr<Source> base_;
  Transform transform_;
};

}  // namespace

std::unique_ptr<Source> transformed(std::unique_ptr<Source> base, const Transform& transform) {
  if (transform.empty()) return base;
  return std::make_unique<TransformedSource>(std::move(base), transform);
}

std::unique_ptr<RecordStream> transformed(std::unique_ptr<RecordStream> base,
                                          const ImageShape& input, const Transform& transform) {
  if (transform.empty()) return base;
  return std::make_unique<TransformedStream>(std::move(base), input, transform);
}

}  // namespace podium::io
