// The FLOP peak of this machine as oneDNN reaches it: the limit that training is measured against.
#pragma once

namespace podium::nn {

// FLOP/s of a large convolution, forward, f32: [64,256,28,28] by 256 filters of 3x3, in the layouts
// that oneDNN likes best. A multiply-add counts as two. The best of several runs, after one that is
// not timed; takes seconds and 110 MiB. Sets OpenMP's thread count of the calling thread. Throws
// internal_error when oneDNN cannot. REQUIRES: threads > 0.
double cpu_peak_flops(int threads);

}  // namespace podium::nn
