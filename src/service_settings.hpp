// From the checked configuration to what a service needs.
#pragma once

#include <string>

#include "config.hpp"
#include "workflow/settings.hpp"

namespace podium {

// What --serve.* say, for `verb`. REQUIRES: the run folder and the checkpoint engine are set.
// Throws usage_error for what contradicts itself, and for what the verb cannot do.
void set_service(const Config& config, const std::string& verb, workflow::Settings* settings);

}  // namespace podium
