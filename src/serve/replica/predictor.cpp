#include "serve/replica/predictor.hpp"

#include <numeric>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {

std::vector<int> Predictor::sizes_to_warm(int most) const {
  std::vector<int> sizes(static_cast<size_t>(most));
  std::iota(sizes.begin(), sizes.end(), 1);
  return sizes;
}

std::vector<uint8_t> Predictor::read_image(std::string_view) const {
  throw RequestError(415, "this model takes no image files; send the pixels as JSON");
}

bool is_image_file(std::string_view body) {
  return body.starts_with("\x89PNG\r\n\x1a\n") || body.starts_with("\xff\xd8\xff");
}

}  // namespace podium::serve
