// Batch normalisation (Ioffe & Szegedy 2015) with epsilon 1e-5 and running statistics as in
// PyTorch: momentum 0.1, unbiased variance. A residual sum, a ReLU and a max pool that follow are
// computed on the way (norm_plane.hpp).
//
// Statistics of planes are merged in double precision, in the order of the images (Chan, Golub &
// LeVeque 1979), so results do not depend on the number of threads.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nn/cpu/kernels.hpp"
#include "nn/cpu/loops.hpp"
#include "nn/cpu/norm_plane.hpp"

namespace podium::nn::cpu {
namespace {

constexpr float kMomentum = 0.1F;

// Lanes in double precision.
using WideLanes = double __attribute__((vector_size(kLanes * sizeof(double))));

WideLanes widen(const Lanes& lanes) {
  return __builtin_convertvector(lanes, WideLanes);
}

// Two sums over the pixels of one plane, by channel.
struct PlaneSums {
  Lanes first;
  Lanes second;
};

// How a layer's activations are cut into planes.
class Planes {
 public:
  explicit Planes(const KernelSpec& spec)
      : images_(spec.batch),
        channels_(spec.layer.output.channels),
        groups_((channels_ + kLanes - 1) / kLanes),
        blocked_(spec.layer.input_block > 0),
        input_(static_cast<size_t>(spec.layer.input.pixels())),
        output_(static_cast<size_t>(spec.layer.output.pixels())) {
    shape_.height = spec.layer.input.height;
    shape_.width = spec.layer.input.width;
    shape_.window = spec.layer.pool;
    shape_.relu = spec.layer.relu;
    shape_.stride = blocked_ ? size_t{kLanes} : static_cast<size_t>(channels_);
  }

  int images() const { return images_; }
  int channels() const { return channels_; }
  int groups() const { return groups_; }
  int count() const { return images_ * groups_; }
  double population() const { return static_cast<double>(input_) * images_; }
  double pixels() const { return static_cast<double>(input_); }

  int group(int plane) const { return plane % groups_; }
  size_t input(int plane) const { return offset(plane, input_); }
  size_t output(int plane) const { return offset(plane, output_); }

  PlaneShape shape(int plane) const {
    PlaneShape shape = shape_;
    shape.lanes = lanes(group(plane));
    return shape;
  }

  // Calls work(plane) for all planes, on all threads when it pays.
  template <typename Work>
  void each(Work work) const {
    const int planes = count();
    const bool pays = static_cast<size_t>(planes) * input_ * kLanes >= kParallelFrom;
#pragma omp parallel for schedule(static) if (pays)
    for (int plane = 0; plane < planes; ++plane) work(plane);
  }

  // Calls work(group) for all groups of channels, on all threads when it pays.
  template <typename Work>
  void each_group(Work work) const {
    const bool pays = static_cast<size_t>(count()) * kLanes >= kParallelFrom;
#pragma omp parallel for schedule(static) if (pays)
    for (int group = 0; group < groups_; ++group) work(group);
  }

  int lanes(int group) const {
    return std::min(kLanes, channels_ - group * kLanes);
  }

 private:
  size_t offset(int plane, size_t pixels) const {
    const auto channels = static_cast<size_t>(channels_);
    const auto image = static_cast<size_t>(plane / groups_);
    const auto first = static_cast<size_t>(group(plane)) * kLanes;
    return image * pixels * channels + first * (blocked_ ? pixels : 1);
  }

  int images_;
  int channels_;
  int groups_;
  bool blocked_;
  size_t input_;   // pixels
  size_t output_;  // pixels
  PlaneShape shape_;
};

class BatchNorm final : public Kernel {
 public:
  explicit BatchNorm(const KernelSpec& spec)
      : memory_(spec.memory),
        planes_(spec),
        training_(spec.pass == Pass::training),
        sums_(training_ ? static_cast<size_t>(planes_.count()) : 0),
        affine_(static_cast<size_t>(planes_.groups())),
        mean_(affine_.size()),
        map_(affine_.size()),
        inverse_(affine_.size()) {}

  void load_parameters() override {
    for (int c = 0; c < planes_.channels(); ++c) {
      set_channel(c, memory_.running_mean[c], memory_.running_variance[c]);
    }
  }

  void forward(const StepKey&) override {
    if (training_) measure();
    planes_.each([&](int plane) {
      const float* side = memory_.side == nullptr ? nullptr : memory_.side + planes_.input(plane);
      plane_forward(planes_.shape(plane), affine_of(plane), memory_.input + planes_.input(plane),
                    side, memory_.output + planes_.output(plane));
    });
  }

  void backward(const StepKey&) override {
    const bool masked = memory_.side != nullptr;
    planes_.each([&](int plane) {
      const GradientSums sums =
          plane_gradient_sums(planes_.shape(plane), affine_of(plane), mean_[group(plane)],
                              memory_.input + planes_.input(plane),
                              masked ? memory_.output + planes_.output(plane) : nullptr,
                              memory_.output_gradient + planes_.output(plane));
      sums_[static_cast<size_t>(plane)] = {sums.g, sums.g_x};
    });
    planes_.each_group([&](int group) { derive_gradients(group); });
    if (memory_.input_gradient == nullptr) return;
    planes_.each([&](int plane) {
      plane_input_gradient(planes_.shape(plane), affine_of(plane), map_[group(plane)], masked,
                           memory_.input + planes_.input(plane),
                           memory_.output_gradient + planes_.output(plane),
                           memory_.input_gradient + planes_.input(plane));
    });
  }

 private:
  size_t group(int plane) const { return static_cast<size_t>(planes_.group(plane)); }
  const Affine& affine_of(int plane) const { return affine_[group(plane)]; }

  const PlaneSums& sums_of(int image, int group) const {
    return sums_[static_cast<size_t>(image * planes_.groups() + group)];
  }

  void measure() {
    planes_.each([&](int plane) {
      const Moments moments =
          plane_moments(planes_.shape(plane), memory_.input + planes_.input(plane));
      sums_[static_cast<size_t>(plane)] = {moments.sum, moments.squares};
    });
    planes_.each_group([&](int group) { merge_moments(group); });
  }

  void merge_moments(int group) {
    const double population = planes_.population();
    WideLanes sum = {};
    for (int n = 0; n < planes_.images(); ++n) sum += widen(sums_of(n, group).first);
    const WideLanes mean = sum / population;
    WideLanes squares = {};
    for (int n = 0; n < planes_.images(); ++n) {
      const PlaneSums& plane = sums_of(n, group);
      const WideLanes apart = widen(plane.first) / planes_.pixels() - mean;
      squares += widen(plane.second) + planes_.pixels() * apart * apart;
    }
    const WideLanes variance = squares / population;
    const WideLanes unbiased = population > 1 ? squares / (population - 1) : variance;
    for (int lane = 0; lane < planes_.lanes(group); ++lane) {
      const int channel = group * kLanes + lane;
      set_channel(channel, static_cast<float>(mean[lane]), static_cast<float>(variance[lane]));
      update(memory_.running_mean[channel], mean[lane]);
      update(memory_.running_variance[channel], unbiased[lane]);
    }
  }

  static void update(float& running, double seen) {
    running += kMomentum * (static_cast<float>(seen) - running);
  }

  void set_channel(int channel, float mean, float variance) {
    const auto g = static_cast<size_t>(channel / kLanes);
    const int lane = channel % kLanes;
    const float inverse = 1.0F / std::sqrt(variance + kNormEpsilon);
    const float a = memory_.weights[channel] * inverse;
    inverse_[g][lane] = inverse;
    mean_[g][lane] = mean;
    affine_[g].a[lane] = a;
    affine_[g].b[lane] = memory_.weights[planes_.channels() + channel] - mean * a;
  }

  // The gradients of scale and shift, and the map that gives that of the input.
  void derive_gradients(int group) {
    const auto g = static_cast<size_t>(group);
    WideLanes sum = {};
    WideLanes sum_x = {};
    for (int n = 0; n < planes_.images(); ++n) {
      sum += widen(sums_of(n, group).first);
      sum_x += widen(sums_of(n, group).second);
    }
    const WideLanes a = widen(affine_[g].a);
    const WideLanes inverse = widen(inverse_[g]);
    const WideLanes slope = -a * inverse * inverse * sum_x / planes_.population();
    const WideLanes offset = -a * sum / planes_.population() - slope * widen(mean_[g]);
    map_[g] = {__builtin_convertvector(slope, Lanes), __builtin_convertvector(offset, Lanes)};
    for (int lane = 0; lane < planes_.lanes(group); ++lane) {
      const int channel = group * kLanes + lane;
      memory_.weights_gradient[channel] = static_cast<float>(sum_x[lane] * inverse[lane]);
      memory_.weights_gradient[planes_.channels() + channel] = static_cast<float>(sum[lane]);
    }
  }

  LayerMemory memory_;
  Planes planes_;
  bool training_;
  std::vector<PlaneSums> sums_;  // [N, groups]
  std::vector<Affine> affine_;   // [groups], as all below
  std::vector<Lanes> mean_;
  std::vector<GradientMap> map_;
  std::vector<Lanes> inverse_;  // 1 / sqrt(variance + epsilon)
};

}  // namespace

std::unique_ptr<Kernel> make_batch_norm(const KernelSpec& spec) {
  return std::make_unique<BatchNorm>(spec);
}

}  // namespace podium::nn::cpu
