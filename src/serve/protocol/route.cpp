#include "serve/protocol/route.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

using Call = Route::Call;
using Parts = std::span<const std::string_view>;

struct Named {
  std::string_view name;
  Call call;
};
// What may follow a model's name and version.
constexpr Named model_calls[] = {{"ready", Call::model_ready},
                                 {"infer", Call::infer},
                                 {"config", Call::model_config},
                                 {"stats", Call::model_stats}};

RequestError unknown_path(std::string_view path) {
  return {404, "no such path: " + std::string(path.substr(0, 200))};
}

// The parts between slashes, or none if they are too many; "/a//b" has an empty part in the middle,
// which matches nothing.
Parts split(std::string_view path, std::array<std::string_view, 8>* parts) {
  if (path.empty() || path.front() != '/') return {};
  for (size_t count = 1; count <= parts->size(); ++count) {
    path.remove_prefix(1);
    std::string_view& part = (*parts)[count - 1];
    part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (path.empty()) return Parts(*parts).first(count);
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
  parts = parts.subspan(1);
  if (parts.size() >= 2 && parts[0] == "versions") {
    route.version = parse_version(parts[1], path);
    parts = parts.subspan(2);
  }
  if (parts.empty()) {
    route.call = Call::model_metadata;
    return route;
  }
  const auto* const call = std::ranges::find(model_calls, parts[0], &Named::name);
  if (parts.size() != 1 || call == std::end(model_calls)) throw unknown_path(path);
  route.call = call->call;
  return route;
}

// Parts after /v2/repository.
Route repository_route(Parts parts, std::string_view path) {
  if (parts.size() == 1 && parts[0] == "index") return {Call::index, {}, 0};
  if (parts.size() != 3 || parts[0] != "models" || parts[1].empty()) throw unknown_path(path);
  if (parts[2] == "load") return {Call::load, parts[1], 0};
  if (parts[2] == "unload") return {Call::unload, parts[1], 0};
  throw unknown_path(path);
}

Route find_route(std::string_view path) {
  if (path == "/metrics") return {Call::metrics, {}, 0};
  if (path == "/v2/stats") return {Call::service_stats, {}, 0};
  if (path == "/feedback") return {Call::feedback, {}, 0};
  if (path == "/predict") return {Call::predict, {}, 0};
  if (path == "/v2" || path == "/v2/") return {Call::server_metadata, {}, 0};
  if (path == "/v2/health/live") return {Call::live, {}, 0};
  if (path == "/v2/health/ready") return {Call::ready, {}, 0};
  if (path == "/v2/models/stats") return {Call::model_stats, {}, 0};
  std::array<std::string_view, 8> names;
  const Parts parts = split(path, &names);
  if (parts.size() < 3 || parts[0] != "v2") throw unknown_path(path);
  const Parts rest = parts.subspan(2);
  if (parts[1] == "models") return model_route(rest, path);
  if (parts[1] == "repository") return repository_route(rest, path);
  throw unknown_path(path);
}

bool is_posted(Call call) {
  switch (call) {
    case Call::infer:
    case Call::predict:
    case Call::feedback:
    case Call::index:
    case Call::load:
    case Call::unload:
      return true;
    default:
      return false;
  }
}

}  // namespace

Route parse_route(Method method, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const Route route = find_route(path);
  const bool posts = is_posted(route.call);
  if (method != (posts ? Method::post : Method::get)) {
    const char* allow = posts ? "POST" : "GET, HEAD";
    throw RequestError(405, std::string("this path takes ") + allow, allow);
  }
  return route;
}

}  // namespace podium::serve
