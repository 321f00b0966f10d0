// RegionPredictor: a small real model for the tests of serving.
//
// Images are [20,10] with one channel and ten classes: the scores are the brightness of ten bands
// of two rows, moved on by `shift` classes. The model file is a line of words:
//   shift N    moves the classes on by N, so that answers of two versions differ
//   slow MS    sleeps per batch
//   nan        gives probabilities that are not finite
//   white_nan  does so for white images only
//   throws     fails on batches that hold a white image (but not in the warm-up)
//   crash      ends the process while loading
//   stalls     computes for an hour on a batch that holds a white image
//   throws-if NAME, nan-if NAME, slow-if NAME MS, crash-if NAME   as these, in the replica of that
//              name alone
//   cold       fails on a batch of a size that was not computed while it was loaded
//   fatal      ends the process on a batch that holds a white image
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "serve/replica/predictor.hpp"

namespace podium::serve::test {

inline constexpr int height = 20;
inline constexpr int width = 10;
inline constexpr int classes = 10;
inline constexpr size_t image_bytes = height * width;

class RegionPredictor : public Predictor {
 public:
  RegionPredictor(const std::string& path, int version, std::string replica = "")
      : replica_(std::move(replica)) {
    std::ifstream file(path);
    if (!file) throw io_error("cannot open a model", path, ENOENT);
    std::string word;
    while (file >> word) read_word(word, file);
    if (crash_) ::_exit(9);
    info_.model = "bands";
    info_.variant = "region";
    info_.version = version;
    info_.channels = 1;
    info_.height = height;
    info_.width = width;
    info_.classes = classes;
    for (int i = 0; i < classes; ++i) info_.class_names.push_back("Band " + std::to_string(i));
    info_.max_batch = 16;
  }

  const ModelInfo& info() const override { return info_; }

  void predict(std::span<const uint8_t> images, int n, std::span<float> probabilities) override {
    if (n < 1 || n > info_.max_batch) throw std::logic_error("a batch of the wrong size");
    if (std::this_thread::get_id() == loaded_by_) {
      warm_.insert(n);
    } else if (cold_ && !warm_.contains(n)) {
      throw std::runtime_error("a batch of " + std::to_string(n) + " is cold");
    }
    if (slow_ms_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(slow_ms_));
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      predict_one(images.subspan(i * image_bytes, image_bytes),
                  probabilities.subspan(i * classes, classes));
    }
  }

  // A slow one is not to hold its test up.
  std::vector<int> sizes_to_warm(int most) const override {
    return slow_ms_ > 0 ? std::vector<int>{most} : Predictor::sizes_to_warm(most);
  }

 private:
  void read_word(const std::string& word, std::istream& file) {
    if (word == "shift") file >> shift_;
    if (word == "slow") file >> slow_ms_;
    if (word == "nan") nan_ = true;
    if (word == "white_nan") white_nan_ = true;
    if (word == "throws") throws_ = true;
    if (word == "crash") crash_ = true;
    if (word == "fatal") fatal_ = true;
    if (word == "cold") cold_ = true;
    if (word == "stalls") stalls_ = true;
    std::string name;
    if (word == "throws-if" && file >> name) throws_ = name == replica_;
    if (word == "nan-if" && file >> name) nan_ = name == replica_;
    if (word == "crash-if" && file >> name) crash_ = name == replica_;
    int slow_ms = 0;
    if (word == "slow-if" && file >> name >> slow_ms && name == replica_) slow_ms_ = slow_ms;
  }

  void predict_one(std::span<const uint8_t> image, std::span<float> row) const {
    const bool white = std::ranges::all_of(image, [](uint8_t value) { return value == 255; });
    if (white && throws_) throw std::runtime_error("white images hurt");
    if (white && fatal_) ::_exit(9);
    if (white && stalls_) std::this_thread::sleep_for(std::chrono::hours(1));
    const bool nan = nan_ || (white && white_nan_);
    const size_t band = image_bytes / classes;
    const float total = std::accumulate(image.begin(), image.end(), 0.0f) + float(classes);
    for (size_t k = 0; k < classes; ++k) {
      const auto pixels = image.subspan(k * band, band);
      const float sum = std::accumulate(pixels.begin(), pixels.end(), 1.0f);
      row[(k + shift_) % classes] = nan ? std::numeric_limits<float>::quiet_NaN() : sum / total;
    }
  }

  const std::string replica_;
  const std::thread::id loaded_by_ = std::this_thread::get_id();
  std::set<int> warm_;
  ModelInfo info_;
  size_t shift_ = 0;
  int slow_ms_ = 0;
  bool nan_ = false;
  bool white_nan_ = false;
  bool throws_ = false;
  bool crash_ = false;
  bool fatal_ = false;
  bool stalls_ = false;
  bool cold_ = false;
};

inline PredictorLoader region_loader(const std::string& replica) {
  return [replica](const std::string& path, int version) {
    return std::make_unique<RegionPredictor>(path, version, replica);
  };
}

// An image whose brightest band is `band`.
inline std::vector<uint8_t> image_of_band(int band) {
  std::vector<uint8_t> image(image_bytes, 10);
  std::fill_n(image.begin() + band * (height / classes) * width, (height / classes) * width, 200);
  return image;
}

}  // namespace podium::serve::test
