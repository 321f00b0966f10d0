// HeaderScan: whether the bytes of a request's header are clean, before anybody reads them.
//
// Programs before and behind this one must not see two different requests in the same bytes
// (request smuggling): lines end by CR LF and nothing else, none is folded (RFC 9112 section 5.2),
// and there is no NUL. Pure; a scan goes on where it stopped, so that a header that comes byte by
// byte costs no more than one that comes at once.
#pragma once

#include <cstddef>
#include <string_view>

namespace podium::serve {

class HeaderScan {
 public:
  enum class Result { incomplete, whole, bare_line_end, folded, null_byte };

  // `bytes`: all that has arrived of the request so far, or more. `whole`: up to size() they are a
  // header with its empty line.
  Result scan(std::string_view bytes);
  size_t size() const { return next_; }

 private:
  size_t next_ = 0;        // first byte not yet looked at
  size_t line_begin_ = 0;  // of the line with that byte
};

// What is wrong, for people; empty for `incomplete` and `whole`.
const char* to_string(HeaderScan::Result result);

}  // namespace podium::serve
