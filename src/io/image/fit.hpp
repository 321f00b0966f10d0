// Fit: which transform brings images of some shape to the shape that a model takes.
//
//   1. the one that the user gave, if any: it must lead to the wanted shape;
//   2. the one that the model's own images went through, if it is known and leads there;
//   3. none, for images that have the wanted shape.
//
// Anything else is refused: what is not said is not guessed. A value, read-only after construction.
#pragma once

#include <string>

#include "io/image/transform.hpp"

namespace podium::io {

class Fit {
 public:
  // An empty transform is one that is not given, or not known.
  Fit(const ImageShape& wanted, Transform given, Transform known);

  const ImageShape& wanted() const { return wanted_; }
  const Transform& given() const { return given_; }

  // The same for images that went through the model's transform already.
  Fit for_processed() const { return {wanted_, given_, {}}; }

  // For images of `shape`, which `where` names. Throws data_error that says which steps would do.
  const Transform& for_shape(const ImageShape& shape, const std::string& where) const;

 private:
  // Whether `transform` takes `shape` to the wanted one.
  bool leads_there(const Transform& transform, const ImageShape& shape) const;

  ImageShape wanted_;
  Transform given_;
  Transform known_;
  Transform none_;
};

// The steps that give an image of `found` the shape `wanted`: "resize 28 28; grayscale". Empty when
// the shapes are equal or no steps do, as from 4 channels.
std::string steps_between(const ImageShape& found, const ImageShape& wanted);

}  // namespace podium::io
