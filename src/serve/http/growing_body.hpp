// GrowingBody: a request's body as text, for a parser of Beast.
//
// Unlike Beast's own string_body it sets no memory aside for a length that was only announced.
#pragma once

#include <algorithm>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>
#include <cstdint>
#include <string>

namespace podium::serve {

struct GrowingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, typename Fields>
    reader(boost::beast::http::header<is_request, Fields>&, std::string& body) : body_(body) {}

    void init(const boost::optional<uint64_t>& length, boost::system::error_code& error) {
      constexpr uint64_t most_reserved = uint64_t{64} << 10;
      if (length) body_.reserve(static_cast<size_t>(std::min(*length, most_reserved)));
      error = {};
    }

    template <typename Buffers>
    size_t put(const Buffers& buffers, boost::system::error_code& error) {
      size_t bytes = 0;
      for (const auto& piece : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(piece.data()), piece.size());
        bytes += piece.size();
      }
      error = {};
      return bytes;
    }

    void finish(boost::system::error_code& error) { error = {}; }

   private:
    std::string& body_;
  };
};

}  // namespace podium::serve
