// Reads the records of a source, for tests that compare them with what was written.
#pragma once

#include <algorithm>
#include <memory>

#include "io/data_files.hpp"
#include "io/sources/source.hpp"

namespace podium::test {

struct Records {
  Bytes images;
  Bytes labels;
};

inline Records read_records(const io::Source& source, io::Part part, uint64_t first,
                            uint64_t count) {
  Records records{Bytes(count * source.info().shape.bytes()), Bytes(count)};
  source.open(part, first)->read(records.images, records.labels);
  return records;
}

// All records of a part in batches of `batch`, then finish().
inline Records read_part(const io::Source& source, io::Part part, uint64_t batch) {
  const uint64_t total = source.info().records(part);
  const size_t image_bytes = source.info().shape.bytes();
  Records records{Bytes(total * image_bytes), Bytes(total)};
  const auto stream = source.open(part, 0);
  for (uint64_t first = 0; first < total; first += batch) {
    const uint64_t count = std::min(batch, total - first);
    stream->read(std::span(records.images).subspan(first * image_bytes, count * image_bytes),
                 std::span(records.labels).subspan(first, count));
  }
  stream->finish();
  return records;
}

}  // namespace podium::test
