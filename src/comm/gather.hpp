// Gather of texts: the root ends with one text from every rank, in rank order.
#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace podium::comm {

// Returns all texts on the root, an empty vector elsewhere. Lengths may differ.
std::vector<std::string> gather_texts(Communicator& group, const std::string& text, int root);

}  // namespace podium::comm
