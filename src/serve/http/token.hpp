// Token: the secret that clients of a service show, "Authorization: Bearer TOKEN".
//
// On a machine that is shared, every user reaches a port of 127.0.0.1, but not a file of mode 0600.
// All serving ranks of a run folder share one file, which the first to come makes; it stays for
// clients to go on when a service starts again, and whoever wants a new token removes it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace podium::serve {

// The token in `path`, which is made with 256 random bits when it is not there. Ranks that come at
// once take the same one. Throws io_error; usage_error for a file that others may read or that
// holds no token.
std::string take_token(const std::filesystem::path& path);

// The token in `path`. Throws as take_token() does.
std::string read_token(const std::filesystem::path& path);

// Whether `authorization`, the value of that header, shows `token`. Takes equally long wherever the
// two differ.
bool shows_token(std::string_view authorization, std::string_view token);

}  // namespace podium::serve
