#include "io/sources/transfer.hpp"

#include <curl/curl.h>
#include <strings.h>

#include <array>
#include <cctype>
#include <charconv>
#include <exception>
#include <new>
#include <string_view>

#include "core/error.hpp"
#include "core/handle.hpp"

namespace podium::io {
namespace {

constexpr long connect_timeout_s = 15;
constexpr long slow_bytes_per_s = 1024;
constexpr long slow_time_s = 30;
constexpr long redirect_limit = 5;
constexpr uint64_t file_limit_bytes = uint64_t{64} << 30;
constexpr const char* too_large = "the file has more than 64 GiB";
constexpr long status_partial_content = 206;        // RFC 9110, 15.3.7
constexpr long status_range_not_satisfiable = 416;  // RFC 9110, 15.5.17

struct CurlTraits {
  using Value = CURL*;
  static Value null() noexcept { return nullptr; }
  static void close(Value curl) noexcept { curl_easy_cleanup(curl); }
};

struct ListTraits {
  using Value = curl_slist*;
  static Value null() noexcept { return nullptr; }
  static void close(Value list) noexcept { curl_slist_free_all(list); }
};

// The fields of the latest response that decide what its body is.
struct Response {
  std::string etag;
  std::string last_modified;
  std::string content_range;

  // What If-Range may be given: a strong ETag, or else the date.
  const std::string& validator() const { return etag.starts_with('"') ? etag : last_modified; }
};

// One attempt. An exception cannot cross libcurl, so it is kept here.
struct Attempt {
  CURL* curl = nullptr;
  std::string url;
  PartFile* part = nullptr;
  bool body_began = false;
  Response response;
  TransferResult result;
  std::exception_ptr failure;

  // The body is not taken, and what there is of it is of no use.
  void refuse(const char* reason) {
    result.failure = reason;
    result.part_is_wrong = true;
  }
};

template <typename Value>
void set(CURL* curl, CURLoption option, Value value) {
  const CURLcode status = curl_easy_setopt(curl, option, value);
  if (status != CURLE_OK) {
    throw internal_error(std::string("libcurl refused an option: ") + curl_easy_strerror(status),
                         "transfer");
  }
}

long status_of(CURL* curl) {
  long status = 0;
  require(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK,
          "libcurl tells the status", "transfer");
  return status;
}

// "bytes FIRST-LAST/TOTAL" begins at `first`.
bool begins_at(std::string_view content_range, uint64_t first) {
  constexpr std::string_view unit = "bytes ";
  if (!content_range.starts_with(unit)) return false;
  content_range.remove_prefix(unit.size());
  uint64_t found = 0;
  const char* end = content_range.data() + content_range.size();
  const auto [parsed_end, error] = std::from_chars(content_range.data(), end, found);
  return error == std::errc{} && parsed_end != end && *parsed_end == '-' && found == first;
}

// Decides, at its first byte, whether the body continues the part or is the file from its start.
void begin_body(Attempt& attempt) {
  attempt.body_began = true;
  attempt.result.continued = status_of(attempt.curl) == status_partial_content;
  if (!attempt.result.continued) {
    attempt.part->begin({attempt.url, attempt.response.validator()});
  } else if (!begins_at(attempt.response.content_range, attempt.part->bytes())) {
    attempt.refuse("the server sent another range than was asked for");
  }
}

size_t receive(char* data, size_t size, size_t count, void* user) noexcept {
  auto& attempt = *static_cast<Attempt*>(user);
  const std::string_view bytes(data, size * count);
  try {
    if (!attempt.body_began) begin_body(attempt);
    if (attempt.part->bytes() + bytes.size() > file_limit_bytes) {
      attempt.refuse(too_large);
    }
    if (attempt.result.part_is_wrong) return 0;  // tells libcurl to stop
    attempt.part->append(bytes);
    attempt.result.progressed = true;
    return bytes.size();
  } catch (...) {
    attempt.failure = std::current_exception();
    return 0;
  }
}

// Sets `value` to that of a header line if it is of the field `name`.
void take_field(std::string_view line, std::string_view name, std::string& value) {
  const bool is_named = line.size() > name.size() && line[name.size()] == ':' &&
                        strncasecmp(line.data(), name.data(), name.size()) == 0;
  if (!is_named) return;
  line.remove_prefix(name.size() + 1);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.front()))) {
    line.remove_prefix(1);
  }
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) {
    line.remove_suffix(1);
  }
  value = line;
}

size_t receive_header(char* data, size_t size, size_t count, void* user) noexcept {
  auto& attempt = *static_cast<Attempt*>(user);
  const std::string_view line(data, size * count);
  try {
    if (line.starts_with("HTTP/")) attempt.response = {};  // that of a redirect is over
    take_field(line, "etag", attempt.response.etag);
    take_field(line, "last-modified", attempt.response.last_modified);
    take_field(line, "content-range", attempt.response.content_range);
    return line.size();
  } catch (...) {
    attempt.failure = std::current_exception();
    return 0;
  }
}

// libcurl asks for one global initialisation per process; the local static makes it thread-safe.
void initialise_curl() {
  static const CURLcode status = curl_global_init(CURL_GLOBAL_DEFAULT);
  require(status == CURLE_OK, "libcurl initialises", "transfer");
}

// A local path as a file URL; other texts are URLs already.
std::string url_of(const std::string& text) {
  if (text.find("://") != std::string::npos) return text;
  constexpr std::string_view kept = "/-._~";
  std::string url = "file://";
  for (const char c : std::filesystem::absolute(text).string()) {
    const auto byte = static_cast<unsigned char>(c);
    std::array<char, 4> escaped{c};
    if (std::isalnum(byte) == 0 && kept.find(c) == std::string_view::npos) {
      std::snprintf(escaped.data(), escaped.size(), "%%%02X", byte);
    }
    url += escaped.data();
  }
  return url;
}

void set_limits(CURL* curl) {
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  set(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_FOLLOWLOCATION, 1L);
  set(curl, CURLOPT_MAXREDIRS, redirect_limit);
  set(curl, CURLOPT_FAILONERROR, 1L);
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_CONNECTTIMEOUT, connect_timeout_s);
  set(curl, CURLOPT_LOW_SPEED_LIMIT, slow_bytes_per_s);
  set(curl, CURLOPT_LOW_SPEED_TIME, slow_time_s);
  set(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(file_limit_bytes));
}

// Asks for the rest of the part, on condition that it is still the same file. Returns the header
// lines, which have to live as long as the transfer.
Handle<ListTraits> ask_for_rest(Attempt& attempt) {
  set(attempt.curl, CURLOPT_RANGE, (std::to_string(attempt.part->bytes()) + "-").c_str());
  const PartOrigin& origin = attempt.part->origin();
  if (origin.url != attempt.url || origin.validator.empty()) return {};
  Handle<ListTraits> headers(curl_slist_append(nullptr, ("If-Range: " + origin.validator).c_str()));
  if (!headers) throw std::bad_alloc();
  set(attempt.curl, CURLOPT_HTTPHEADER, headers.get());
  return headers;
}

std::string failure_text(CURLcode status, const char* message) {
  if (status == CURLE_FILESIZE_EXCEEDED) return too_large;
  return message[0] == '\0' ? curl_easy_strerror(status) : message;
}

}  // namespace

TransferResult transfer(const std::string& url, bool may_continue, PartFile& part) {
  initialise_curl();
  const Handle<CurlTraits> curl(curl_easy_init());
  if (!curl) throw std::bad_alloc();
  Attempt attempt;
  attempt.curl = curl.get();
  attempt.url = url;
  attempt.part = &part;
  const std::string place = url_of(url);
  std::array<char, CURL_ERROR_SIZE> message{};
  set_limits(curl.get());
  set(curl.get(), CURLOPT_URL, place.c_str());
  set(curl.get(), CURLOPT_ERRORBUFFER, message.data());
  set(curl.get(), CURLOPT_WRITEFUNCTION, receive);
  set(curl.get(), CURLOPT_WRITEDATA, &attempt);
  set(curl.get(), CURLOPT_HEADERFUNCTION, receive_header);
  set(curl.get(), CURLOPT_HEADERDATA, &attempt);
  const bool asks_for_rest = may_continue && part.bytes() > 0 && !place.starts_with("file:");
  Handle<ListTraits> headers;
  if (asks_for_rest) headers = ask_for_rest(attempt);

  const CURLcode status = curl_easy_perform(curl.get());
  if (attempt.failure) std::rethrow_exception(attempt.failure);
  TransferResult& result = attempt.result;
  if (result.part_is_wrong) return result;
  if (status != CURLE_OK) {
    result.failure = failure_text(status, message.data());
    result.part_is_wrong = status_of(curl.get()) == status_range_not_satisfiable;
  } else if (!attempt.body_began && asks_for_rest) {
    attempt.refuse("the server sent nothing where the rest was asked for");
  } else if (!attempt.body_began) {
    part.drop();  // the file is empty
  }
  return result;
}

}  // namespace podium::io
