// RequestError: a request that cannot be answered as asked, with its HTTP status.
#pragma once

#include <stdexcept>
#include <string>

namespace podium::serve {

class RequestError : public std::runtime_error {
 public:
  // `allow` is the Allow header of a 405.
  RequestError(int status, const std::string& message, std::string allow = "")
      : std::runtime_error(message), status_(status), allow_(std::move(allow)) {}

  int status() const { return status_; }
  const std::string& allow() const { return allow_; }

 private:
  int status_;
  std::string allow_;
};

}  // namespace podium::serve
