#include "value_lists.hpp"

#include <algorithm>
#include <charconv>

#include "core/error.hpp"

namespace podium {
namespace {

template <typename T>
T parse(const std::string& word, T least, T most, const std::string& key, const char* remedy) {
  T value{};
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error == std::errc() && stop == end && value >= least && value <= most) return value;
  throw usage_error("'" + word + "' does not fit " + key, key, remedy);
}

// The words of a list, of which none may be missing.
std::vector<std::string> words_of(const Config& config, const std::string& key) {
  const std::string text = config.text(key);
  std::vector<std::string> words = split_list(text);
  if (words.size() == static_cast<size_t>(std::ranges::count(text, ',')) + 1) return words;
  if (text.empty()) return {};
  throw usage_error("a value is missing in '" + text + "'", key,
                    "write values with one comma between them");
}

}  // namespace

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const size_t first = std::min(text.find_first_not_of(' ', begin), comma);
    size_t end = comma;
    while (end > first && text[end - 1] == ' ') --end;
    if (end > first) words.push_back(text.substr(first, end - first));
    begin = comma + 1;
  }
  return words;
}

std::vector<int> count_list(const Config& config, const std::string& key) {
  std::vector<int> counts;
  if (config.text(key) == "none") return counts;
  for (const std::string& word : words_of(config, key)) {
    counts.push_back(
        parse(word, 1, 65536, key, "write whole numbers from 1 to 65536 with commas between them"));
  }
  return counts;
}

std::vector<double> positive_list(const Config& config, const std::string& key) {
  std::vector<double> values;
  for (const std::string& word : words_of(config, key)) {
    values.push_back(parse(word, 1e-3, 1e7, key,
                           "write numbers from 0.001 to 10,000,000 with commas between them"));
  }
  return values;
}

SizeRange size_range(const Config& config, size_t least) {
  SizeRange sizes{least, config.bytes("bench.max_bytes")};
  if (config.is_set("bench.min_bytes")) sizes.least = config.bytes("bench.min_bytes");
  if (sizes.least <= sizes.most) return sizes;
  throw usage_error("the smallest size, " + std::to_string(sizes.least) +
                        " bytes, is larger than the largest, " + std::to_string(sizes.most),
                    "bench.min_bytes", "lower it, or raise --bench.max_bytes");
}

}  // namespace podium
