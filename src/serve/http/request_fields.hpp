// Request fields out of the headers of an HTTP request. Part of the service; includes Beast.
#pragma once

#include <boost/beast/http/fields.hpp>

#include "serve/protocol/message.hpp"

namespace podium::serve {

// Reads Inference-Header-Content-Length, Content-Encoding, Accept-Encoding, Podium-Priority and
// Podium-Timeout-Ms. Throws RequestError: 400 for a value that is no such number, 415 for an
// encoding of the body that is not taken.
RequestFields request_fields(const boost::beast::http::fields& headers);

// The value of Content-Encoding; empty for identity.
const char* to_string(Encoding encoding);

}  // namespace podium::serve
