// TransformedSource: a source, or a stream, of fixed image shape whose images a Transform changes
// on the way out.
#pragma once

#include <memory>

#include "io/image/transform.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

// `base` with `transform` applied to each image; info().shape is what comes out. The digest stays
// that of `base`, for the text of a transform is compared on its own. An empty transform gives
// `base` back. A stream holds a few MiB of untransformed images at most. Throws usage_error when
// the transform cannot take the images of `base`.
std::unique_ptr<Source> transformed(std::unique_ptr<Source> base, const Transform& transform);

// `base`, whose images are of shape `input`, with `transform` applied to each; an empty transform
// gives `base` back. Throws usage_error when the transform cannot take such images.
std::unique_ptr<RecordStream> transformed(std::unique_ptr<RecordStream> base,
                                          const ImageShape& input, const Transform& transform);

}  // namespace podium::io
