// transfer: one attempt of libcurl to bring a part file to its end.
#pragma once

#include <string>

#include "io/sources/part_file.hpp"

namespace podium::io {

struct TransferResult {
  std::string failure;         // why the file is not whole; empty: it is
  bool part_is_wrong = false;  // what the part holds is of no use
  bool continued = false;      // bytes have come that follow earlier ones
  bool progressed = false;     // bytes have come
};

// Brings what `part` lacks of `url` (http, https, file, or a local path), or all of it unless
// `may_continue`. Begins anew also when the server has no ranges or other content by now, or when
// `url` is local; what the part holds is dropped only when the first new byte is there. Throws
// io_error when the part cannot be written.
TransferResult transfer(const std::string& url, bool may_continue, PartFile& part);

}  // namespace podium::io
