#include "comm/allreduce/signature.hpp"

#include <cstring>

#include "core/error.hpp"

namespace podium::comm {

Signature::Signature(uint64_t its_number, const Elements& values, WireType its_wire,
                     const char* its_name)
    : number(its_number), count(values.count), type(values.type), wire(its_wire) {
  std::strncpy(name.data(), its_name, name.size() - 1);
}

std::string to_text(const Signature& signature) {
  std::string text = "sum " + std::to_string(signature.number) + ", '" + signature.name.data() +
                     "', " + std::to_string(signature.count) + " " + name_of(signature.type);
  if (signature.count != 1) text += 's';
  if (signature.wire != WireType::fp32) text += std::string(" as ") + name_of(signature.wire);
  return text;
}

void require_equal(const Signature& mine, const Signature& theirs, int rank, int peer,
                   const std::string& group) {
  if (mine == theirs) return;
  throw internal_error("ranks of group '" + group + "' sum different things: rank " +
                           std::to_string(rank) + " is at " + to_text(mine) + "; rank " +
                           std::to_string(peer) + " at " + to_text(theirs),
                       "AllReduce", "all ranks must make the same sums in the same order");
}

}  // namespace podium::comm
