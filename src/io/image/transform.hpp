// Transform: deterministic processing of images at ingest, written as text.
//
//   transform = [ step { ";" step } ]
//   step      = "resize" H W      bilinear, averaging over the pixels that one pixel covers
//             | "crop" H W        the middle; an image smaller than that is an error
//             | "pad" N           N pixels of zeros on every side
//             | "grayscale"       one channel, luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B
//             | "rgb"             three channels; a gray image is repeated
//
// The result depends on the image and the text alone. A value; apply() may be called by several
// threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/image/image_shape.hpp"

namespace podium::io {

class Transform {
 public:
  // Leaves images as they are.
  Transform() = default;

  // Throws usage_error naming the step that is wrong.
  static Transform parse(const std::string& text);

  bool empty() const { return steps_.empty(); }

  // One spelling for equal transforms: "resize 32 32; grayscale".
  std::string text() const;

  // What an image of shape `input` becomes. Throws usage_error when a step cannot take it, makes
  // more than 16 MiB of it, or needs more than 64 MiB on the way.
  ImageShape output(const ImageShape& input) const;

  // Transforms `image` [H,W,C] of shape `input` into `result`. REQUIRES: result.size() ==
  // output(input).bytes().
  void apply(const ImageShape& input, std::span<const uint8_t> image,
             std::span<uint8_t> result) const;

 private:
  struct Step {
    enum class Kind { resize, crop, pad, grayscale, rgb } kind;
    uint64_t first = 0;   // H, or N of pad
    uint64_t second = 0;  // W

    std::string text() const;
    ImageShape output(const ImageShape& input) const;
    void apply(const ImageShape& input, std::span<const uint8_t> image, const ImageShape& output,
               std::span<uint8_t> result) const;
  };

  std::vector<Step> steps_;
};

}  // namespace podium::io
