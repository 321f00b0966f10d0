// CRC-32C, the checksum of iSCSI (RFC 3720, appendix B.4): of formats that ask for it. Checksums of
// our own are XXH3 (hash.hpp).
#pragma once

#include <cstdint>
#include <string_view>

namespace podium {

uint32_t crc32c(std::string_view bytes);

}  // namespace podium
