// Weights in the safetensors format (huggingface.co/docs/safetensors): the length of a JSON header,
// the header, and the values.
#pragma once

#include "core/pieces.hpp"
#include "nn/export/model_view.hpp"

namespace podium::nn {

// Every parameter and statistic of `model` as F32 under its canonical name and shape, without gaps
// and in the order of plan.buffers; `properties` become `__metadata__`. The header is padded with
// spaces so that values begin at a multiple of 8 bytes. Views into `model`.
Pieces to_safetensors(const ModelView& model, const Properties& properties);

}  // namespace podium::nn
