#include <unistd.h>

#include <array>
#include <cstdlib>

#include "comm/nccl_support.hpp"

namespace podium::comm {

std::string exchange_host() {
  const char* given = std::getenv("NCCL_HOSTID");
  if (given != nullptr && *given != '\0') return given;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "this host";
  return name.data();
}

}  // namespace podium::comm
