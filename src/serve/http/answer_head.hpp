// The head of an HTTP/1.1 answer: status line and headers. Pure.
#pragma once

#include <string>

#include "serve/http/http_server.hpp"

namespace podium::serve {

// How the connection goes on after the answer.
enum class After { keep, keep_and_say_so, close };  // say so: to a client of HTTP/1.0

// Writes into `*head`, whose memory is used again.
void write_answer_head(const HttpAnswer& answer, After after, std::string* head);

}  // namespace podium::serve
