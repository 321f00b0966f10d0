// A counter that a stream advances and the host reads while the stream goes on.
#pragma once

#include <cuda_runtime_api.h>

namespace podium::comm {

// Enqueues one thread that adds 1 to `count`, in device memory, and copies it to `shown`, in pinned
// host memory. Also while `stream` is captured.
void enqueue_tick(unsigned* count, unsigned* shown, cudaStream_t stream);

}  // namespace podium::comm
