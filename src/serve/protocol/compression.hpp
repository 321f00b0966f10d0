// Compression: bodies in gzip and in deflate (the zlib format), both ways. Pure functions over
// ISA-L.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "serve/protocol/message.hpp"

namespace podium::serve {

// A shorter reply is not compressed: it fits into one packet anyway.
inline constexpr size_t least_compressed_bytes = 1024;

// What `header`, the value of Accept-Encoding, prefers of what we have.
Encoding accepted_encoding(std::string_view header);

// The content of a body that is not identity. Never makes more than `most_bytes` of it. Throws
// RequestError: 400 when it is damaged or cut off, 413 when it is larger.
std::string decompress(std::string_view body, Encoding encoding, size_t most_bytes);

// REQUIRES: `encoding` is not identity.
std::string compress(std::string_view content, Encoding encoding);

}  // namespace podium::serve
