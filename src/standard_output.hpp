// What the user asked for, on standard output: results, tables and pages.
#pragma once

#include <string_view>

namespace podium {

// Writes all of `text` before it returns. Throws io_error when the disk behind it is full or
// broken. A reader that has closed its end of a pipe (head, less) wants no more: that is no error.
void print(std::string_view text);

}  // namespace podium
