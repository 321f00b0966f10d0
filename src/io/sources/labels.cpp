#include "io/sources/labels.hpp"

#include <utility>

namespace podium::io {

std::vector<std::string> numbered_classes(uint64_t count) {
  std::vector<std::string> names;
  for (uint64_t label = 0; label < count; ++label) names.push_back(std::to_string(label));
  return names;
}

Error label_error(int64_t label, uint64_t classes, std::string where) {
  return data_error("label " + std::to_string(label) + " is out of range: there are " +
                        std::to_string(classes) + " classes",
                    std::move(where), "check the labels");
}

void check_class_count(uint64_t count, const std::string& where) {
  if (count >= 2 && count <= classes_limit) return;
  throw data_error("a data set has 2 to " + std::to_string(classes_limit) + " classes, this one " +
                       std::to_string(count),
                   where, "check the classes");
}

}  // namespace podium::io
