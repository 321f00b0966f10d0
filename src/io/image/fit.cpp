#include "io/image/fit.hpp"

#include <utility>

#include "core/error.hpp"

namespace podium::io {
namespace {

bool is_gray_or_colour(const ImageShape& shape) {
  return shape.channels == 1 || shape.channels == 3;
}

}  // namespace

Fit::Fit(const ImageShape& wanted, Transform given, Transform known)
    : wanted_(wanted), given_(std::move(given)), known_(std::move(known)) {}

const Transform& Fit::for_shape(const ImageShape& shape, const std::string& where) const {
  if (!given_.empty()) {
    if (leads_there(given_, shape)) return given_;
    throw data_error("an image of " + shape_text(shape) + " does not become " +
                         shape_text(wanted_) + ", which the model takes, by '" + given_.text() +
                         "'",
                     where, "change --io.transform");
  }
  if (!known_.empty() && leads_there(known_, shape)) return known_;
  if (shape == wanted_) return none_;
  const std::string steps = steps_between(shape, wanted_);
  throw data_error("an image of " + shape_text(shape) + ", the model takes " + shape_text(wanted_),
                   where,
                   steps.empty() ? "convert the images"
                                 : "say how, for instance --io.transform=\"" + steps + "\"");
}

bool Fit::leads_there(const Transform& transform, const ImageShape& shape) const {
  try {
    return transform.output(shape) == wanted_;
  } catch (const Error&) {
    return false;  // a step cannot take it
  }
}

std::string steps_between(const ImageShape& found, const ImageShape& wanted) {
  std::string steps;
  if (found.height != wanted.height || found.width != wanted.width) {
    steps = "resize " + std::to_string(wanted.height) + " " + std::to_string(wanted.width);
  }
  if (found.channels == wanted.channels) return steps;
  if (!is_gray_or_colour(found) || !is_gray_or_colour(wanted)) return "";
  return steps + (steps.empty() ? "" : "; ") + (wanted.channels == 1 ? "grayscale" : "rgb");
}

}  // namespace podium::io
