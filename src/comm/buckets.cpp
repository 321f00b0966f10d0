#include "comm/buckets.hpp"

#include <algorithm>

namespace podium::comm {

std::vector<Bucket> make_buckets(size_t count, std::span<const size_t> layers,
                                 const BucketSizes& sizes) {
  std::vector<Bucket> buckets;
  size_t end = count;
  size_t wanted = sizes.first;
  for (size_t i = layers.size(); i-- > 0;) {
    const size_t begin = layers[i];
    if (begin >= end || end - begin < wanted) continue;
    buckets.push_back({begin, end});
    end = begin;
    wanted = std::min(2 * wanted, std::max(sizes.first, sizes.largest));
  }
  if (end > 0) buckets.push_back({0, end});
  return buckets;
}

}  // namespace podium::comm
