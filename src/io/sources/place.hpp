// The place of a source, told from its text alone: nothing is read, nothing has to exist.
#pragma once

#include <string>

namespace podium::io {

struct SourcePlace {
  std::string name;      // [a-z0-9_-]+, names the cache
  std::string location;  // names the place for good: a set's name, a canonical path, a URL
};

// `text` is that of --io.source. Equal places have equal locations, however they are written.
SourcePlace place_of(const std::string& text);

// The last component of a path or URL as a name: [a-z0-9_-]{1,64}.
std::string name_from(std::string text);

}  // namespace podium::io
