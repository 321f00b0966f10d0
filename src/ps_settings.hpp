// From the checked configuration to what training through parameter servers needs.
#pragma once

#include <string>

#include "config.hpp"
#include "ps/options.hpp"
#include "train/ps_options.hpp"

namespace podium {

// What --ps.* say of the servers. Throws usage_error for what contradicts itself.
ps::GroupOptions server_options(const Config& config);

// The same for the trainers of `verb`. Throws usage_error for what the verb cannot do.
train::PsOptions ps_training_options(const Config& config, const std::string& verb);

// What to tell of an option --ps.* that was set though `verb` asks no servers that it would tell
// something; empty where there is none.
std::string unused_server_option(const std::string& verb, const Config& config);

}  // namespace podium
