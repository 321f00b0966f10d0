#include "serve/protocol/route.hpp"

#include <charconv>
#include <vector>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

using Call = Route::Call;
using Parts = std::vector<std::string_view>;

RequestError unknown_path(std::string_view path) {
  return {404, "no such path: " + std::string(path.substr(0, 200))};
}

// The parts between slashes; "/a//b" has an empty part in the middle, which matches nothing.
Parts split(std::string_view path) {
  Parts parts;
  if (path.empty() || path.front() != '/') return parts;
  path.remove_prefix(1);
  while (parts.size() < 8) {
    const size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
  return {};
}

int parse_version(std::string_view text, std::string_view path) {
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || version <= 0 || text.front() == '0') throw unknown_path(path);
  return version;
}

// Parts after /v2/models.
Route model_route(Parts parts, std::string_view path) {
  Route route;
  if (parts.empty() || parts[0].empty()) throw unknown_path(path);
  route.model = parts[0];
  parts.erase(parts.begin());
  if (parts.size() >= 2 && parts[0] == "versions") {
    route.version = parse_version(parts[1], path);
    parts.erase(parts.begin(), parts.begin() + 2);
  }
  if (parts.empty()) {
    route.call = Call::model_metadata;
  } else if (parts.size() == 1 && parts[0] == "ready") {
    route.call = Call::model_ready;
  } else if (parts.size() == 1 && parts[0] == "infer") {
    route.call = Call::infer;
  } else {
    throw unknown_path(path);
  }
  return route;
}

Route find_route(std::string_view path) {
  if (path == "/predict") return {Call::predict, {}, 0};
  if (path == "/v2" || path == "/v2/") return {Call::server_metadata, {}, 0};
  if (path == "/v2/health/live") return {Call::live, {}, 0};
  if (path == "/v2/health/ready") return {Call::ready, {}, 0};
  const Parts parts = split(path);
  if (parts.size() < 3 || parts[0] != "v2" || parts[1] != "models") throw unknown_path(path);
  return model_route(Parts(parts.begin() + 2, parts.end()), path);
}

}  // namespace

Route parse_route(Method method, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const Route route = find_route(path);
  const bool posts = route.call == Call::infer || route.call == Call::predict;
  if (method != (posts ? Method::post : Method::get)) {
    const char* allow = posts ? "POST" : "GET";
    throw RequestError(405, std::string("this path takes ") + allow, allow);
  }
  return route;
}

}  // namespace podium::serve
