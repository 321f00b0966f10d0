// Pictures of src/picture in a page: their numbers say where in the data they stand, like all
// others.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "picture/svg.hpp"
#include "report/page.hpp"
#include "report/run_data.hpp"

namespace podium::report {

// "first service 0.56 s": words around a number of the data; no number: no words.
picture::Words told(const std::string& before, const Place& place, As as,
                    const std::string& after = "");

// The events of one kind by the main job of the folder and those after it, oldest first.
std::vector<Place> own_events(const RunData& run, std::string_view kind);

// "update-1": a name that no other run's picture has.
std::string name_of(const RunData& run, const std::string& picture);

// A section that shows the same of each run, if any has something to show.
void section_of_each(const std::vector<RunData>& runs, Page& page, const std::string& id,
                     const std::string& heading,
                     const std::function<Markup(const RunData&, Page&)>& block);

}  // namespace podium::report
