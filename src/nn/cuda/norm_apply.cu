// Batch normalisation, element by element.
#include <type_traits>

#include "core/cuda_check.hpp"
#include "nn/cuda/norm.hpp"
#include "nn/cuda/norm_window.cuh"

namespace podium::nn::cuda {
namespace {

using podium::cuda::check_launch;

// Packs of Width channels: all lie in one pixel, as Width divides the number of channels.
template <typename T, int Width, typename Index>
__global__ void apply(NormShape shape, const NormChannel* table, const T* x, const T* side, T* y,
                      Index packs) {
  using Packed = Pack<T, Width>;
  for (Index i = thread_index(); i < packs; i += thread_count()) {
    const int c = static_cast<int>(i * Width % static_cast<Index>(shape.channels));
    const Packed in = reinterpret_cast<const Packed*>(x)[i];
    Packed added;
    if (shape.sum) added = reinterpret_cast<const Packed*>(side)[i];
    Packed out;
    for (int k = 0; k < Width; ++k) {
      float z = table[c + k].a * in.get(k) + table[c + k].b;
      if (shape.sum) z = z + added.get(k);
      out.set(k, shape.relu && !(z > 0.0F) ? 0.0F : z);
    }
    reinterpret_cast<Packed*>(y)[i] = out;
  }
}

template <typename T, typename Index>
__global__ void apply_and_pool(NormShape shape, const NormChannel* table, const T* x, T* y,
                               Index count) {
  for (Index i = thread_index(); i < count; i += thread_count()) {
    const auto channels = static_cast<Index>(shape.channels);
    const int c = static_cast<int>(i % channels);
    const float z = window_peak(shape, table[c], x, i / channels, c).z;
    y[i] = from_float<T>(shape.relu && !(z > 0.0F) ? 0.0F : z);
  }
}

// Without windows. A sum's `dy` is masked already.
template <typename T, int Width, typename Index>
__global__ void input_gradient(NormShape shape, const NormChannel* table, const T* x, const T* dy,
                               T* dx, Index packs) {
  using Packed = Pack<T, Width>;
  const bool masks = shape.relu && !shape.sum;
  for (Index i = thread_index(); i < packs; i += thread_count()) {
    const int c = static_cast<int>(i * Width % static_cast<Index>(shape.channels));
    const Packed in = reinterpret_cast<const Packed*>(x)[i];
    const Packed gradient = reinterpret_cast<const Packed*>(dy)[i];
    Packed out;
    for (int k = 0; k < Width; ++k) {
      const NormChannel& channel = table[c + k];
      const float value = in.get(k);
      float g = gradient.get(k);
      if (masks && !(channel.a * value + channel.b > 0.0F)) g = 0.0F;
      out.set(k, channel.a * g + channel.slope * value + channel.offset);
    }
    reinterpret_cast<Packed*>(dx)[i] = out;
  }
}

// One thread per window and channel, and per what is left of one at the lower and right edges.
template <typename T, typename Index>
__global__ void pooled_input_gradient(NormShape shape, const NormChannel* table, const T* x,
                                      const T* dy, T* dx, Index lines, Index columns, Index count) {
  for (Index i = thread_index(); i < count; i += thread_count()) {
    const int c = static_cast<int>(i % static_cast<Index>(shape.channels));
    const Index place = i / static_cast<Index>(shape.channels);
    const int column = static_cast<int>(place % columns);
    const int line = static_cast<int>(place / columns % lines);
    const size_t image = place / columns / lines;
    const NormChannel channel = table[c];
    float g = 0.0F;
    size_t hit = 0;
    const bool covered = line < shape.pooled_height() && column < shape.pooled_width();
    if (covered) {
      const auto row = static_cast<Index>(
          (image * shape.pooled_height() + line) * shape.pooled_width() + column);
      const Peak peak = window_peak(shape, channel, x, row, c);
      hit = peak.at;
      g = to_float(dy[static_cast<size_t>(row) * shape.channels + c]);
      if (shape.relu && !(peak.z > 0.0F)) g = 0.0F;
    }
    const int end_y = min(shape.height, (line + 1) * shape.window);
    const int end_x = min(shape.width, (column + 1) * shape.window);
    for (int py = line * shape.window; py < end_y; ++py) {
      for (int px = column * shape.window; px < end_x; ++px) {
        const size_t at = ((image * shape.height + py) * shape.width + px) * shape.channels + c;
        const float mine = covered && at == hit ? g : 0.0F;
        dx[at] = from_float<T>(channel.a * mine + channel.slope * to_float(x[at]) + channel.offset);
      }
    }
  }
}

// Calls work(T{}, Index{}) for the layer's type and for numbers up to `count`.
template <typename Work>
void with_both(const NormShape& shape, size_t count, Work work) {
  with_type(shape.type,
            [&](auto number) { with_index(count, [&](auto index) { work(number, index); }); });
}

// Calls work(T{}, width, packs) with the widest pack that fits the channels.
template <typename Work>
void with_packs(const NormShape& shape, size_t count, Work work) {
  with_both(shape, count, [&](auto number, auto index) {
    using T = decltype(number);
    using Index = decltype(index);
    if (shape.channels % kPackOf<T> == 0) {
      work(number, std::integral_constant<int, kPackOf<T>>{},
           static_cast<Index>(count / kPackOf<T>));
    } else {
      work(number, std::integral_constant<int, 1>{}, static_cast<Index>(count));
    }
  });
}

}  // namespace

void norm_forward(const NormShape& shape, const NormChannel* channels, const void* x,
                  const void* side, void* y, cudaStream_t stream) {
  if (shape.window > 0) {
    const size_t count = shape.pooled_pixels() * static_cast<size_t>(shape.channels);
    with_both(shape, count, [&](auto number, auto index) {
      using T = decltype(number);
      apply_and_pool<<<blocks_for(count), kBlock, 0, stream>>>(
          shape, channels, static_cast<const T*>(x), static_cast<T*>(y),
          static_cast<decltype(index)>(count));
    });
  } else {
    const size_t count = shape.pixels() * static_cast<size_t>(shape.channels);
    with_packs(shape, count, [&](auto number, auto width, auto packs) {
      using T = decltype(number);
      apply<T, width()><<<blocks_for(packs), kBlock, 0, stream>>>(
          shape, channels, static_cast<const T*>(x), static_cast<const T*>(side),
          static_cast<T*>(y), packs);
    });
  }
  check_launch("batch norm, forward");
}

void norm_input_gradient(const NormShape& shape, const NormChannel* channels, const void* x,
                         const void* dy, void* dx, cudaStream_t stream) {
  if (shape.window > 0) {
    const int lines = (shape.height + shape.window - 1) / shape.window;
    const int columns = (shape.width + shape.window - 1) / shape.window;
    const size_t count = static_cast<size_t>(shape.images) * static_cast<size_t>(lines) *
                         static_cast<size_t>(columns) * static_cast<size_t>(shape.channels);
    with_both(shape, count, [&](auto number, auto index) {
      using T = decltype(number);
      using Index = decltype(index);
      pooled_input_gradient<<<blocks_for(count), kBlock, 0, stream>>>(
          shape, channels, static_cast<const T*>(x), static_cast<const T*>(dy), static_cast<T*>(dx),
          static_cast<Index>(lines), static_cast<Index>(columns), static_cast<Index>(count));
    });
  } else {
    const size_t count = shape.pixels() * static_cast<size_t>(shape.channels);
    with_packs(shape, count, [&](auto number, auto width, auto packs) {
      using T = decltype(number);
      input_gradient<T, width()><<<blocks_for(packs), kBlock, 0, stream>>>(
          shape, channels, static_cast<const T*>(x), static_cast<const T*>(dy), static_cast<T*>(dx),
          packs);
    });
  }
  check_launch("batch norm, input gradient");
}

}  // namespace podium::nn::cuda
