// Labels and classes, as every kind of source treats them: labels are uint8, classes 2 to 256.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace podium::io {

inline constexpr uint64_t classes_limit = 256;

// The classes "0", "1", ... of a set that does not name them.
std::vector<std::string> numbered_classes(uint64_t count);

// A data_error: `label`, which stands at `where`, is none of the `classes` classes.
[[nodiscard]] Error label_error(int64_t label, uint64_t classes, std::string where);

// Throws data_error unless `count` classes, which `where` names, are 2 to 256.
void check_class_count(uint64_t count, const std::string& where);

}  // namespace podium::io
