#include "report/page.hpp"

#include "core/error.hpp"
#include "report/page_style.hpp"

namespace podium::report {
namespace {

// JSON that may stand inside an element: no <, > or &.
std::string embeddable(const Json& data) {
  std::string text;
  for (const char c : data.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    switch (c) {
      case '<':
        text += "\\u003c";
        break;
      case '>':
        text += "\\u003e";
        break;
      case '&':
        text += "\\u0026";
        break;
      default:
        text += c;
    }
  }
  return text;
}

// Pictures of the page show them.
Json without_pixels(Json run) {
  for (Json& evaluation : run["evaluation"]) {
    const Json::json_pointer list("/mistakes/list");
    if (!evaluation.contains(list) || !evaluation[list].is_array()) continue;
    for (Json& mistake : evaluation[list]) {
      if (mistake.is_object()) mistake.erase("pixels");
    }
  }
  return run;
}

// A browser that reads this loads nothing and runs nothing.
constexpr const char* policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

Markup head(const std::string& title) {
  return tag(
      "head",
      leaf("meta", {{"charset", "utf-8"}}) +
          leaf("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", policy}}) +
          leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}) +
          leaf("meta", {{"name", "color-scheme"}, {"content", "light dark"}}) +
          tag("title", title) + verbatim("style", {}, page_style()));
}

}  // namespace

void Page::section(std::string id, std::string heading) {
  sections_.push_back({std::move(id), std::move(heading), {}});
}

void Page::add(const Markup& markup) {
  require(!sections_.empty(), "a page begins with a section", "report");
  sections_.back().body += markup;
}

Markup Page::derived(const std::string& key, const Json& value, As as) {
  return quantity(keep(key, value), as);
}

Place Page::keep(const std::string& key, const Json& value) {
  require(!derived_.contains(key), "two derived numbers of one name", key.c_str());
  derived_[key] = value;
  return {&derived_[key], "/derived/" + pointer_part(key)};
}

std::vector<std::string> Page::section_ids() const {
  std::vector<std::string> ids;
  for (const Section& section : sections_) ids.push_back(section.id);
  return ids;
}

Markup Page::navigation() const {
  Markup links;
  for (const Section& section : sections_) {
    links += tag("li", tag("a", {{"href", "#" + section.id}}, section.heading));
  }
  return tag("nav", {{"aria-label", "Sections"}}, tag("ul", links));
}

std::string Page::html(const std::vector<RunData>& runs, const std::string& podium_version) const {
  Json data = {{"podium", podium_version}, {"runs", Json::array()}, {"derived", derived_}};
  for (const RunData& run : runs) data["runs"].push_back(without_pixels(run.data));
  Markup body = tag("header", tag("h1", title_));
  body += navigation();
  Markup sections;
  for (const Section& section : sections_) {
    sections += tag("section", {{"id", section.id}}, tag("h2", section.heading) + section.body);
  }
  body += tag("main", sections);
  body += tag("footer", tag("p", "Made by podium report, version " + podium_version +
                                     ". Every number here is taken from the data at the end of "
                                     "this file."));
  body += verbatim("script", {{"type", "application/json"}, {"id", "data"}}, embeddable(data));
  return "<!DOCTYPE html>\n" +
         tag("html", {{"lang", "en"}}, head(title_) + tag("body", body)).html() + "\n";
}

Markup figure(const Markup& picture, const Markup& caption) {
  return tag("figure", picture + (caption.empty() ? Markup() : tag("figcaption", caption)));
}

Markup side_by_side(const std::vector<RunData>& runs, const std::vector<Markup>& blocks) {
  Markup all;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (blocks[i].empty()) continue;
    const Markup heading = runs.size() > 1 ? tag("h3", runs[i].name) : Markup();
    all += tag("div", {{"class", "run"}}, heading + blocks[i]);
  }
  return all.empty() ? all : tag("div", {{"class", "runs"}}, all);
}

}  // namespace podium::report
