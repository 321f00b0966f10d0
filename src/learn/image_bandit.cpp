#include "learn/image_bandit.hpp"

#include <array>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::learn {

ImageBandit::ImageBandit(std::shared_ptr<io::Dataset> dataset, io::Split split)
    : dataset_(std::move(dataset)), split_(split) {
  const io::DatasetInfo& data = dataset_->info();
  if (dataset_->size(split_) == 0) {
    throw usage_error(std::string("no images in split '") + io::split_name(split_) + "'",
                      "image_bandit", "ingest with --io.validation above 0");
  }
  info_.name = "image_bandit";
  info_.type = ObservationType::image;
  info_.shape = {static_cast<int>(data.channels), static_cast<int>(data.height),
                 static_cast<int>(data.width)};
  info_.actions = static_cast<int>(data.classes);
}

void ImageBandit::reset(uint64_t seed, std::span<std::byte> observation) {
  require(observation.size() == info_.observation_bytes(), "room of another size", "ImageBandit");
  const uint64_t images = dataset_->size(split_);
  const uint64_t chosen =
      split_ == io::Split::train ? Random(seed, 0x62616e646974).below(images) : seed % images;
  const std::array<uint32_t, 1> record{static_cast<uint32_t>(chosen)};
  dataset_->gather(split_, record,
                   {reinterpret_cast<uint8_t*>(observation.data()), observation.size()},
                   {&label_, 1});
  under_way_ = true;
}

Outcome ImageBandit::step(int action, std::span<std::byte>) {
  require(under_way_, "no episode is under way", "ImageBandit");
  require(action >= 0 && action < info_.actions, "an action that there is not", "ImageBandit");
  under_way_ = false;
  return {action == label_ ? 1.0F : 0.0F, Ending::terminal};
}

}  // namespace podium::learn
