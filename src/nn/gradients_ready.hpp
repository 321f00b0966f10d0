// GradientsReady: hears, while a backward pass runs, which gradients of parameters are final.
//
// The backward pass goes from the last layer to the first, so gradients become final from the end
// of the flat buffer to its beginning: each call says that those from float `first` on will not
// change any more. `first` falls from call to call; the last one is 0. The calls are the same for
// every batch size; of a batch without images, whose gradients are zero, there is only the last one.
// On a backend that computes behind the caller's back, "final"
// means: once all that was enqueued before the call has run.
#pragma once

#include <cstddef>
#include <functional>

namespace podium::nn {

using GradientsReady = std::function<void(size_t first)>;

}  // namespace podium::nn
