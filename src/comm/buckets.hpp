// Buckets: a vector that becomes ready from its end, cut into parts that travel one after the other
// while the rest is still being made.
//
// The first bucket, at the vector's end, is small, so that travelling starts early; each further
// one asks for twice as much, up to a limit, so that messages are few. A bucket ends where a layer
// begins: a layer becomes ready as a whole, so there is nothing to gain from a cut through it, and
// one that is larger than its bucket makes the bucket larger. What is left over in front is a
// bucket, however small: nothing is computed behind which it could travel.
//
// Pure arithmetic: equal layers and sizes give equal buckets, on every rank.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace podium::comm {

// What a bucket asks for, in elements.
struct BucketSizes {
  size_t first = size_t{1} << 18;    // 1 MiB of floats
  size_t largest = size_t{1} << 22;  // 16 MiB
};

struct Bucket {
  size_t begin = 0;  // [begin, end)
  size_t end = 0;

  size_t count() const { return end - begin; }
  bool operator==(const Bucket&) const = default;
};

// In the order of travelling, from the end of `count` elements to their beginning, without gaps.
// `layers` are the places where a layer begins, ascending; none: the vector is one layer. No
// elements: no buckets.
std::vector<Bucket> make_buckets(size_t count, std::span<const size_t> layers,
                                 const BucketSizes& sizes = {});

}  // namespace podium::comm
