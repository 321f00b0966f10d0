// Decision: what a replica answered to a request of one image, as far as feedback about it needs it
// (docs/serving.md). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace podium::serve {

// Whether replicas tell what they decided, and how they do.
enum class Deciding : uint8_t {
  silent,     // as ever, and nothing is told
  likeliest,  // the likeliest class is named
  explore,    // the class that is named is drawn by the probabilities
};

// By which id feedback comes: that of the request, unless it has none, or a longer one.
inline constexpr size_t most_feedback_id_bytes = 256;

struct DecisionView {
  int version = 0;
  int action = 0;         // the class named
  float probability = 1;  // with which it was named
  std::string_view id;
  std::string_view image;  // [H,W,C]
};

struct Decision {
  int version = 0;
  int action = 0;
  float probability = 1;
  std::string image;
};

}  // namespace podium::serve
