#include "serve/http/header_scan.hpp"

namespace podium::serve {

HeaderScan::Result HeaderScan::scan(std::string_view bytes) {
  for (; next_ < bytes.size(); ++next_) {
    const char byte = bytes[next_];
    if (byte == '\0') return Result::null_byte;
    const bool after_return = next_ > line_begin_ && bytes[next_ - 1] == '\r';
    if (after_return != (byte == '\n')) return Result::bare_line_end;
    if (next_ == line_begin_ && next_ > 0 && (byte == ' ' || byte == '\t')) return Result::folded;
    if (byte != '\n') continue;
    const bool empty = next_ - line_begin_ == 1;
    line_begin_ = next_ + 1;
    if (!empty) continue;
    ++next_;
    return Result::whole;
  }
  return Result::incomplete;
}

const char* to_string(HeaderScan::Result result) {
  switch (result) {
    case HeaderScan::Result::bare_line_end:
      return "a line of the header does not end by CR LF";
    case HeaderScan::Result::folded:
      return "a line of the header is folded";
    case HeaderScan::Result::null_byte:
      return "the header holds a byte that is 0";
    case HeaderScan::Result::incomplete:
    case HeaderScan::Result::whole:
      break;
  }
  return "";
}

}  // namespace podium::serve
