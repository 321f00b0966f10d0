// What a run was, in a few sentences: what ran, where and how long, which model won and by how
// much. Pure functions.
#pragma once

#include "report/advice.hpp"
#include "report/markup.hpp"
#include "report/run_data.hpp"

namespace podium::report {

Markup headline(const RunData& run, const Derive& derive);

}  // namespace podium::report
