// Page: a document in the making, section by section, and at its end one file of HTML that needs
// nothing beside it: no network, no script. Light or dark as the reader's system is, on a phone as
// in print. What the numbers come from is embedded as JSON (docs/report.md).
//
// A value for one thread.
#pragma once

#include <string>
#include <vector>

#include "report/markup.hpp"
#include "report/place.hpp"
#include "report/quantity.hpp"
#include "report/run_data.hpp"

namespace podium::report {

class Page {
 public:
  explicit Page(std::string title) : title_(std::move(title)) {}

  // Begins a section; what is added follows there. `id` is a word of its own: "summary".
  void section(std::string id, std::string heading);
  // REQUIRES: a section has begun.
  void add(const Markup& markup);
  void paragraph(const Markup& text) { add(tag("p", text)); }

  // A number that the data of the runs do not have, but follows from them: it is kept beside them
  // under "derived", by `key`, which is a word of its own.
  Markup derived(const std::string& key, const Json& value, As as);
  // The same as a Place, which is valid until the next number is kept.
  Place keep(const std::string& key, const Json& value);

  std::vector<std::string> section_ids() const;

  // The whole document, with the data of `runs` in it.
  std::string html(const std::vector<RunData>& runs, const std::string& podium_version) const;

 private:
  struct Section {
    std::string id;
    std::string heading;
    Markup body;
  };

  Markup navigation() const;

  std::string title_;
  std::vector<Section> sections_;
  Json derived_ = Json::object();
};

// A picture with a caption below it, which may hold numbers.
Markup figure(const Markup& picture, const Markup& caption);

// One block for each run, beside each other where there is room, with their names above them if
// there are several. REQUIRES: as many blocks as runs. Empty blocks are left out.
Markup side_by_side(const std::vector<RunData>& runs, const std::vector<Markup>& blocks);

}  // namespace podium::report
