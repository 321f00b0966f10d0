#include "nn/cpu/norm_plane.hpp"

namespace podium::nn::cpu {
namespace {

// Calls work(offset of the pixel) for all pixels of a plane.
template <typename Work>
void each_pixel(const PlaneShape& shape, Work work) {
  const size_t end = static_cast<size_t>(shape.pixels()) * shape.stride;
  for (size_t at = 0; at < end; at += shape.stride) work(at);
}

// Calls work(offset of the window's first pixel, offset of its output) for all windows.
template <typename Work>
void each_window(const PlaneShape& shape, Work work) {
  const int rows = shape.height / shape.window;
  const int columns = shape.width / shape.window;
  const size_t step = static_cast<size_t>(shape.window) * shape.stride;
  const size_t row_step = step * static_cast<size_t>(shape.width);
  size_t out = 0;
  for (int row = 0; row < rows; ++row) {
    size_t in = static_cast<size_t>(row) * row_step;
    for (int column = 0; column < columns; ++column, in += step, out += shape.stride) {
      work(in, out);
    }
  }
}

// Calls work(offset) for the pixels of the window that starts at `in`, row by row.
template <typename Work>
void each_in_window(const PlaneShape& shape, size_t in, Work work) {
  const size_t row_step = static_cast<size_t>(shape.width) * shape.stride;
  for (int row = 0; row < shape.window; ++row) {
    for (int column = 0; column < shape.window; ++column) {
      work(in + static_cast<size_t>(row) * row_step + static_cast<size_t>(column) * shape.stride);
    }
  }
}

// Calls work(offset) for the pixels that no window covers.
template <typename Work>
void each_uncovered(const PlaneShape& shape, Work work) {
  const int rows = shape.height / shape.window * shape.window;
  const int columns = shape.width / shape.window * shape.window;
  for (int row = 0; row < shape.height; ++row) {
    for (int column = row < rows ? columns : 0; column < shape.width; ++column) {
      work(static_cast<size_t>(row * shape.width + column) * shape.stride);
    }
  }
}

template <bool Full>
struct Plane {
  const PlaneShape& shape;

  Lanes get(const float* from) const { return load<Full>(from, shape.lanes); }
  void put(const Lanes& value, float* to) const { store<Full>(value, to, shape.lanes); }

  Moments moments(const float* x) const {
    Moments result{};
    each_pixel(shape, [&](size_t at) { result.sum += get(x + at); });
    const Lanes mean = result.sum / static_cast<float>(shape.pixels());
    each_pixel(shape, [&](size_t at) {
      const Lanes distance = get(x + at) - mean;
      result.squares += distance * distance;
    });
    return result;
  }

  static Lanes z(const Affine& affine, const Lanes& x) { return affine.a * x + affine.b; }

  // The largest z of a window.
  Lanes peak(const Affine& affine, const float* x, size_t in) const {
    Lanes best = z(affine, get(x + in));
    each_in_window(shape, in, [&](size_t at) { best = larger(z(affine, get(x + at)), best); });
    return best;
  }

  void forward(const Affine& affine, const float* x, const float* side, float* y) const {
    const Lanes zero = {};
    if (shape.window > 0) {
      each_window(shape, [&](size_t in, size_t out) {
        const Lanes best = peak(affine, x, in);
        put(shape.relu ? larger(best, zero) : best, y + out);
      });
    } else if (side != nullptr) {
      each_pixel(shape, [&](size_t at) {
        put(larger(z(affine, get(x + at)) + get(side + at), zero), y + at);
      });
    } else if (shape.relu) {
      each_pixel(shape, [&](size_t at) { put(larger(z(affine, get(x + at)), zero), y + at); });
    } else {
      each_pixel(shape, [&](size_t at) { put(z(affine, get(x + at)), y + at); });
    }
  }

  // Calls work(offset, g) for all pixels of a window: its gradient goes to the first largest z.
  template <typename Work>
  void spread(const Affine& affine, const float* x, const float* dy, size_t in, size_t out,
              Work work) const {
    const Lanes zero = {};
    const Lanes best = peak(affine, x, in);
    Lanes left = get(dy + out);
    if (shape.relu) left = best > zero ? left : zero;
    each_in_window(shape, in, [&](size_t at) {
      const auto hit = z(affine, get(x + at)) == best;
      work(at, hit ? left : zero);
      left = hit ? zero : left;
    });
  }

  GradientSums gradient_sums(const Affine& affine, const Lanes& mean, const float* x,
                             const float* y, float* dy) const {
    const Lanes zero = {};
    GradientSums sums{};
    const auto add = [&](size_t at, const Lanes& g) {
      sums.g += g;
      sums.g_x += g * (get(x + at) - mean);
    };
    if (shape.window > 0) {
      each_window(shape, [&](size_t in, size_t out) { spread(affine, x, dy, in, out, add); });
    } else if (y != nullptr) {
      each_pixel(shape, [&](size_t at) {
        const Lanes g = get(y + at) > zero ? get(dy + at) : zero;
        put(g, dy + at);
        add(at, g);
      });
    } else if (shape.relu) {
      each_pixel(shape,
                 [&](size_t at) { add(at, z(affine, get(x + at)) > zero ? get(dy + at) : zero); });
    } else {
      each_pixel(shape, [&](size_t at) { add(at, get(dy + at)); });
    }
    return sums;
  }

  void input_gradient(const Affine& affine, const GradientMap& map, bool masked, const float* x,
                      const float* dy, float* dx) const {
    const Lanes zero = {};
    const auto write = [&](size_t at, const Lanes& g) {
      put(affine.a * g + map.slope * get(x + at) + map.offset, dx + at);
    };
    if (shape.window > 0) {
      each_window(shape, [&](size_t in, size_t out) { spread(affine, x, dy, in, out, write); });
      each_uncovered(shape, [&](size_t at) { write(at, zero); });
    } else if (shape.relu && !masked) {
      each_pixel(shape, [&](size_t at) {
        write(at, z(affine, get(x + at)) > zero ? get(dy + at) : zero);
      });
    } else {
      each_pixel(shape, [&](size_t at) { write(at, get(dy + at)); });
    }
  }
};

// Calls work(plane) with the plane of `shape`.
template <typename Work>
auto with_plane(const PlaneShape& shape, Work work) {
  if (shape.lanes == kLanes) return work(Plane<true>{shape});
  return work(Plane<false>{shape});
}

}  // namespace

Moments plane_moments(const PlaneShape& shape, const float* x) {
  return with_plane(shape, [&](auto plane) { return plane.moments(x); });
}

void plane_forward(const PlaneShape& shape, const Affine& affine, const float* x, const float* side,
                   float* y) {
  with_plane(shape, [&](auto plane) { plane.forward(affine, x, side, y); });
}

GradientSums plane_gradient_sums(const PlaneShape& shape, const Affine& affine, const Lanes& mean,
                                 const float* x, const float* y, float* dy) {
  return with_plane(shape, [&](auto plane) { return plane.gradient_sums(affine, mean, x, y, dy); });
}

void plane_input_gradient(const PlaneShape& shape, const Affine& affine, const GradientMap& map,
                          bool masked, const float* x, const float* dy, float* dx) {
  with_plane(shape, [&](auto plane) { plane.input_gradient(affine, map, masked, x, dy, dx); });
}

}  // namespace podium::nn::cpu
