#include "io/cache/shard.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr uint64_t usual_batch_records = 1000;
constexpr uint64_t batch_bytes_limit = uint64_t{32} << 20;

std::vector<uint64_t> images_shape(const ImageShape& shape, uint64_t records) {
  return {records, shape.height, shape.width, shape.channels};
}

}  // namespace

uint64_t batch_records(const ImageShape& shape) {
  return std::clamp<uint64_t>(batch_bytes_limit / shape.bytes(), 1, usual_batch_records);
}

ShardWriter::ShardWriter(const std::filesystem::path& path, const ImageShape& shape,
                         uint64_t records)
    : file_(path), hdf5_(Hdf5File::create(file_, records * (shape.bytes() + 1))) {
  hdf5_.write_attribute("schema", shard_schema.name);
  hdf5_.write_attribute("version", std::to_string(shard_schema.version));
  const uint64_t chunk = std::min(records, batch_records(shape));
  images_ = hdf5_.create_dataset<uint8_t>("images", images_shape(shape, records), chunk);
  labels_ = hdf5_.create_dataset<uint8_t>("labels", {records}, chunk);
}

void ShardWriter::append(std::span<const uint8_t> images, std::span<const uint8_t> labels) {
  images_->write(next_, images);
  labels_->write(next_, labels);
  next_ += labels.size();
}

Seal ShardWriter::finish() {
  require(next_ == images_->rows(), "all records of a shard are written", "ShardWriter::finish");
  images_.reset();
  labels_.reset();
  hdf5_.close();
  return seal_and_publish(file_, shard_schema, FolderSync::later);
}

ShardReader::ShardReader(const std::filesystem::path& path, const ImageShape& shape,
                         uint64_t records)
    : file_(Hdf5File::open(path)),
      images_(file_.dataset<uint8_t>("images")),
      labels_(file_.dataset<uint8_t>("labels")) {
  if (images_.shape() != images_shape(shape, records) ||
      labels_.shape() != std::vector<uint64_t>{records}) {
    throw data_error("the shard's datasets have not the shape of its manifest", path.string(),
                     shard_schema.remedy);
  }
}

}  // namespace podium::io
