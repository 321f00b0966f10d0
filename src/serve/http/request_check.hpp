// What a request's header must be before its body is read. Pure; includes Beast.
#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <string>

namespace podium::serve {

using RequestHead = boost::beast::http::header<true, boost::beast::http::fields>;

// Refuses what could be framed in two ways: more than one Content-Length or Host, a
// Transfer-Encoding other than "chunked", or one in HTTP/1.0. Throws RequestError 400, 417 for an
// expectation other than 100-continue, and 401 unless the request shows `token`; an empty token,
// and the two paths of health, ask for none.
void check_request(const RequestHead& head, const std::string& token);

// Whether the client waits for "100 Continue".
bool expects_to_go_on(const RequestHead& head);

}  // namespace podium::serve
