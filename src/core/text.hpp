// Small things about texts that every floor needs.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace podium {

// printf into a string of any length; the compiler checks the arguments against the pattern.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

// The word of `known` with the smallest edit distance to `word` (the first of equals): what to
// suggest for a word that is unknown. REQUIRES: known is not empty.
std::string nearest_word(std::string_view word, std::span<const std::string> known);

}  // namespace podium
