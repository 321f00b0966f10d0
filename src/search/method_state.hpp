// What the methods share in reading their states back.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.hpp"

namespace podium::search {

// Runs `read`, which returns whether the state is one it can go on from, on a state of `method`.
// Throws data_error when it is not.
template <typename Read>
void read_state(const nlohmann::ordered_json& state, const std::string& method, Read&& read) {
  try {
    if (state.at("method").get<std::string>() == method && read()) return;
  } catch (const nlohmann::json::exception&) {
    // Told below.
  }
  throw data_error("the state is not one of method '" + method + "' in this space",
                   "state of a search",
                   "begin the search anew, or give the options it was begun with");
}

}  // namespace podium::search
