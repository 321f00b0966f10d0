// A network as an ONNX model: the same layers on the same weights, in inference form.
#pragma once

#include <string>

#include "core/pieces.hpp"
#include "nn/export/model_view.hpp"

namespace podium::nn {

// The bytes of an ONNX file (opset 13) for images as Podium takes them.
//   input   `images`         uint8 [N,H,W,C], raw pixels; preprocessing is part of the graph
//   outputs `logits`         float [N,classes]
//           `probabilities`  float [N,classes], their softmax
// N is free. Initializers are the model's buffers under their canonical names. Dropout vanishes,
// batch normalisation uses the running statistics; a card with `mirror` makes the logits means over
// each image and its mirror image. `properties` become metadata_props. Views into `model`. Throws
// internal_error when the file would exceed protobuf's 2 GiB.
Pieces to_onnx(const ModelView& model, const std::string& producer_version,
               const Properties& properties);

}  // namespace podium::nn
