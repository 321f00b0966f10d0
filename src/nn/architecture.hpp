// Architecture text: a network in one line, for instance
//   conv 32 3; bn; relu; pool 2; res 64 2; gap; dense classes
// docs/architecture_text.md holds the grammar. Parsing needs no image shape; shapes are checked
// when a NetworkPlan is made. Two texts that describe the same network have the same canonical
// text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace podium::nn {

enum class LayerKind {
  dense,
  conv,
  batch_norm,
  relu,
  max_pool,
  average_pool,
  global_average_pool,
  dropout,
  residual,
  keep,
  add,
};

struct LayerSpec {
  LayerKind kind;
  int width = 0;                // dense: outputs; conv, residual: output channels
  int kernel = 0;               // conv, pools: window side
  int stride = 1;               // conv, pools, residual
  double rate = 0;              // dropout: share of activations set to zero
  std::vector<LayerSpec> body;  // residual
  size_t offset = 0;            // where its word starts in the parsed text, for messages
  int mark = 0;                 // keep, add: the number that joins them
};

// The width word `classes` of `dense classes`.
inline constexpr int kClassesWidth = -1;

struct Architecture {
  // `repeat` is unrolled; a bare `res` has its body written out; marks count from 1, and what no
  // `add` asks for is not kept.
  std::vector<LayerSpec> layers;
};

// Limits that keep hostile text harmless.
struct ArchitectureLimits {
  static constexpr size_t text_bytes = 64 * 1024;
  static constexpr int layers = 4096;  // after unrolling
  static constexpr int depth = 16;     // nested braces
  static constexpr int width = 65536;
  static constexpr int window = 1024;  // kernels and strides
  static constexpr int repeats = 1024;
  static constexpr int marks = 4096;
};

// For text that was made of another: from `begin` on it is what stands there from `origin` on, or,
// unless `verbatim`, is made of what stands at `origin`.
struct TextOrigin {
  size_t begin = 0;
  size_t origin = 0;
  bool verbatim = true;
};

// Throws usage_error naming the offset, the offending word, and the nearest known one. Offsets are
// those in the text that `origins`, in ascending order, lead to.
Architecture parse_architecture(std::string_view text, std::span<const TextOrigin> origins = {});

// The canonical text. parse_architecture(to_text(a)) equals `a` except for offsets.
std::string to_text(const Architecture& architecture);

// "conv", "bn", ...: the word of the language.
std::string_view layer_word(LayerKind kind);

}  // namespace podium::nn
